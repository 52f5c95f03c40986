package realtime

import (
	"context"
	"errors"
	"strconv"
)

// ErrUnknownOrder is what an [Orders] source answers for an order that does not
// exist.
var ErrUnknownOrder = errors.New("no such order")

// Orders is where statuses are read.
type Orders interface {
	// Order returns an order's present state, or ErrUnknownOrder.
	Order(ctx context.Context, orderID string) (Order, error)
	// Events returns the order's events with a greater number than afterSeq,
	// in order. If some of them are not kept any more it returns those that
	// are: the hub sees the gap. An event must be readable here before it is
	// published.
	Events(ctx context.Context, orderID string, afterSeq int64) ([]Event, error)
}

// Order is an order's present state.
type Order struct {
	OrderID  string `json:"order_id"`
	Seq      int64  `json:"seq"` // number of the last event
	Status   string `json:"status"`
	TS       int64  `json:"ts"` // of the last event, ms since 1970
	DriverID string `json:"driver_id,omitempty"`
	StoreID  string `json:"store_id,omitempty"`
}

// Event is one status of an order, or a milestone between two. Its JSON is the
// payload of the channel order_updates:{O} and the data of a status frame; other
// members of a payload are ignored.
type Event struct {
	OrderID  string `json:"order_id"`
	Seq      int64  `json:"seq"`    // 1, 2, … per order
	Status   string `json:"status"` // or the milestone's name
	TS       int64  `json:"ts"`     // ms since 1970
	DriverID string `json:"driver_id,omitempty"`
	Note     string `json:"note,omitempty"`
}

// final reports whether no status follows this one. Then the driver is another
// customer's business: positions end.
func final(status string) bool { return status == "delivered" || status == "cancelled" }

// milestone reports whether an event's status is a milestone: the order's status
// stays what it was before.
func milestone(status string) bool { return status == "arrived_at_store" || status == "near_customer" }

// Positions is where drivers are asked for.
type Positions interface {
	// MovedSince returns the drivers of a zone whose newest fix was taken at
	// sinceMS (ms since 1970) or later, in pages of at most about limit. The first
	// page is that of cursor 0, and next is the following one's; it is 0 behind the
	// last.
	MovedSince(ctx context.Context, zone string, sinceMS, cursor int64, limit int) (moved []Position, next int64, err error)
	// Positions returns the newest fixes of drivers, in any order. Unknown
	// drivers are left out.
	Positions(ctx context.Context, driverIDs []string) ([]Position, error)
}

// Position is a driver's newest fix.
type Position struct {
	DriverID   string
	Lat, Lon   float64 // WGS 84 degrees
	TS         int64   // ms since 1970
	SpeedMPS   float32 // negative: unknown
	BearingDeg float32 // clockwise from north; negative: unknown
	Zone       string
}

// appendJSON appends the position as the API writes a driver. Six decimals of
// a degree are 0.11 m.
func (p *Position) appendJSON(b []byte) []byte {
	b = append(b, `{"driver_id":`...)
	b = appendString(b, p.DriverID)
	b = append(b, `,"lat":`...)
	b = strconv.AppendFloat(b, p.Lat, 'f', 6, 64)
	b = append(b, `,"lon":`...)
	b = strconv.AppendFloat(b, p.Lon, 'f', 6, 64)
	b = append(b, `,"ts":`...)
	b = strconv.AppendInt(b, p.TS, 10)
	if p.SpeedMPS >= 0 {
		b = append(b, `,"speed_mps":`...)
		b = strconv.AppendFloat(b, float64(p.SpeedMPS), 'f', 1, 64)
	}
	if p.BearingDeg >= 0 {
		b = append(b, `,"bearing_deg":`...)
		b = strconv.AppendInt(b, int64(p.BearingDeg+0.5)%360, 10)
	}
	b = append(b, `,"zone":`...)
	b = appendString(b, p.Zone)
	return append(b, '}')
}
