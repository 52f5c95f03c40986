// Package persist is the contract of the durable record and owns the types of
// its rows: tracks, stock movements, reservations, orders, products and stores. It has two
// hosts, one SQLite file (persist/sqlite) and a Cassandra cluster
// (persist/cassandra), and one suite for both (persist/storetest). It knows
// nothing of how the rows come about and imports no other package of the
// project.
//
// # Idempotence
//
// Every row's key is derived from where its content came from, so a write that
// is repeated, in any order and by any number of servers, leaves one row.
// Writers therefore retry freely: at-least-once delivery, exactly-once rows. A
// call that returns an error may have written some of its rows.
//
// # Time
//
// Times are milliseconds since 1970-01-01 UTC, as int64.
//
// # Concurrency
//
// Every method may be called from any goroutine.
package persist

import (
	"context"
	"errors"
)

// The ways a store refuses. Hosts wrap them with the operation.
var (
	// ErrNotFound: no row has that key.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: the database cannot be reached or did not answer in
	// time. The same call may succeed later.
	ErrUnavailable = errors.New("database unavailable")
)

// Store is the whole durable record. Packages that need a part of it declare
// that part.
type Store interface {
	Tracks
	Ledger
	Reservations
	Orders
	Catalogue
	Archive

	// Ping returns nil when the database answers.
	Ping(ctx context.Context) error
	// Close waits for writes under way and releases the database. Later calls
	// return ErrUnavailable.
	Close() error
}

// TrackRow is what is kept of one driver's fixes of one bucket, as sealed in
// one zone at one time. DriverID, BucketStart, Zone and Part are its key.
type TrackRow struct {
	DriverID string
	Zone     string
	// BucketStart is the bucket's first millisecond, in event time.
	BucketStart int64
	// Part tells apart the rows of one bucket and zone: fixes that came late,
	// after an earlier part was sealed, make a part of their own. It is the
	// time of sealing, which never repeats within a zone.
	Part int64

	FirstTS, LastTS    int64   // times of the earliest and latest fix
	FirstLat, FirstLon float64 // degrees
	LastLat, LastLon   float64 // degrees
	Fixes              int     // number of fixes, at least 1
	DistanceM          float64 // metres along the fixes in order of time
	TopSpeedMPS        float64 // metres per second
	MeanAccuracyM      float64 // metres; 0 where no fix had an accuracy
	MockFixes          int     // number of fixes that an app made up, by the phone's word

	// Path, Times and Speeds hold every fix, earliest first, in the formats of
	// docs/track-format.md. The store keeps them as they are.
	Path   string
	Times  string
	Speeds string
}

// Tracks are the drivers' past.
type Tracks interface {
	// WriteTracks writes rows, replacing those with the same key. After an error some may
	// be written. It does not keep the slice.
	WriteTracks(ctx context.Context, rows []TrackRow) error
	// TrackRows returns a driver's rows that hold fixes with from <= time <=
	// to (and possibly earlier or later ones too), in order of BucketStart,
	// Part and Zone. An unknown driver has none.
	TrackRows(ctx context.Context, driverID string, from, to int64) ([]TrackRow, error)
	// BucketRows returns a driver's rows of one bucket in one zone, in order of
	// Part. It is one look at one place, cheap enough to be asked before a write.
	BucketRows(ctx context.Context, zone string, bucketStart int64, driverID string) ([]TrackRow, error)
}

// Movement is one change of one product's stock in one store: the ledger's
// only kind of row. StoreID and Seq are its key. Over all movements of a
// product the sum of Available is what is available and the sum of Reserved
// what is reserved.
type Movement struct {
	StoreID   string
	Seq       int64 // 1, 2, 3, … within a store, without gaps
	TS        int64
	Kind      string // receive, adjust, count, waste, return, reserve, commit, release, expire
	ProductID string
	Available int64  // change of the units available
	Reserved  int64  // change of the units reserved
	Reference string // the caller's: an order, a delivery note, a reservation
}

// Ledger is the append-only record of stock.
type Ledger interface {
	// AppendMovements writes rows; one that is there already stays as it is.
	AppendMovements(ctx context.Context, ms []Movement) error
	// Movements returns at most limit movements of a store with Seq > after,
	// in order of Seq.
	Movements(ctx context.Context, storeID string, after int64, limit int) ([]Movement, error)
}

// Line is a number of units of a product.
type Line struct {
	ProductID string `json:"product_id"`
	Units     int64  `json:"units"`
}

// Reservation is the present state of units that were set aside. StoreID and ID
// are its key.
type Reservation struct {
	StoreID   string
	ID        string
	Seq       int64 // of the last movement that the reservation made, so it grows with each state
	OrderID   string
	State     string // open, committed, released, expired
	Lines     []Line
	CreatedTS int64 // 0 if it is not known
	ExpiresTS int64 // when it ends by itself
	ClosedTS  int64 // 0 while it is open
}

// KeepClosedMS is for how long, in milliseconds, a store keeps a reservation that
// was written as closed. It may keep it for longer.
const KeepClosedMS = 48 * 3_600_000

// Reservations are what the open movements of the ledger belong to: it tells the
// units, they tell until when.
type Reservations interface {
	// PutReservations writes rows, each unless the stored one has a greater Seq. A
	// reservation has one content at each Seq; with two, it is not said which one
	// stays.
	PutReservations(ctx context.Context, rs []Reservation) error
	// Reservations returns those of a store that are open, and those of the last
	// KeepClosedMS that were closed at closedSince or later, in order of ID.
	Reservations(ctx context.Context, storeID string, closedSince int64) ([]Reservation, error)
}

// Order is the present state of an order. ID is its key.
type Order struct {
	ID            string
	Status        string
	Version       int64 // sequence of the last event
	StoreID       string
	CustomerID    string
	DriverID      string // empty until assigned
	ReservationID string // empty if none
	DropLat       float64
	DropLon       float64
	Lines         []Line
	CreatedTS     int64
	UpdatedTS     int64
}

// OrderEvent is one step of an order, or a milestone on the way to the next: then
// its Status is the milestone's name. OrderID and Seq are its key.
type OrderEvent struct {
	OrderID  string
	Seq      int64 // 1, 2, 3, … within an order, without gaps
	TS       int64
	Status   string
	DriverID string
	Note     string
}

// Orders are the orders with their history.
type Orders interface {
	// PutOrder writes the order unless the stored one has a greater Version,
	// and adds the events that are not there yet. An order has one content at
	// each Version; with two, it is not said which one stays.
	PutOrder(ctx context.Context, o Order, events []OrderEvent) error
	// Order returns the order and all its events in order of Seq, or
	// ErrNotFound.
	Order(ctx context.Context, id string) (Order, []OrderEvent, error)
}

// Product is one line of the catalogue. ID is its key.
type Product struct {
	ID              string
	Name            string
	Categories      []string
	MRPPaise        int64 // maximum retail price, 1/100 rupee
	PricePaise      int64 // selling price, 1/100 rupee
	DiscountPercent int
	WeightG         int // grams of one pack; 0 if unknown
	PackSize        int // pieces, grams or millilitres as printed on the pack; 0 if unknown
}

// DarkStore is a place that keeps stock. ID is its key.
type DarkStore struct {
	ID   string
	Name string
	Lat  float64 // degrees
	Lon  float64 // degrees
	Open bool
}

// Catalogue is what is sold, and where.
type Catalogue interface {
	PutProducts(ctx context.Context, ps []Product) error
	// ProductsByID returns those of ids that exist, in the order of ids.
	ProductsByID(ctx context.Context, ids []string) ([]Product, error)
	// Products pages through the catalogue in order of ID, from after on.
	Products(ctx context.Context, after string, limit int) ([]Product, error)
	PutDarkStores(ctx context.Context, ss []DarkStore) error
	// DarkStores returns all of them in order of ID.
	DarkStores(ctx context.Context) ([]DarkStore, error)
}
