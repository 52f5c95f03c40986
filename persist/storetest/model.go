package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/persist"
)

type trackKey struct {
	driver, zone string
	bucket, part int64
}

type seqKey struct {
	id  string
	seq int64
}

type reservationKey struct{ store, id string }

// model is what the contract says, in maps.
type model struct {
	tracks       map[trackKey]persist.TrackRow
	movements    map[seqKey]persist.Movement
	reservations map[reservationKey]persist.Reservation
	orders       map[string]persist.Order
	events       map[seqKey]persist.OrderEvent
	products     map[string]persist.Product
	stores       map[string]persist.DarkStore
}

func newModel() *model {
	return &model{
		tracks:       map[trackKey]persist.TrackRow{},
		movements:    map[seqKey]persist.Movement{},
		reservations: map[reservationKey]persist.Reservation{},
		orders:       map[string]persist.Order{},
		events:       map[seqKey]persist.OrderEvent{},
		products:     map[string]persist.Product{},
		stores:       map[string]persist.DarkStore{},
	}
}

func (m *model) writeTracks(rows []persist.TrackRow) {
	for _, r := range rows {
		m.tracks[trackKey{r.DriverID, r.Zone, r.BucketStart, r.Part}] = r
	}
}

func (m *model) trackRows(driver string, from, to int64) []persist.TrackRow {
	return sorted(m.tracks, func(r persist.TrackRow) bool {
		return r.DriverID == driver && from <= to && r.FirstTS <= to && r.LastTS >= from
	}, func(a, b persist.TrackRow) int {
		return cmp.Or(cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.Part, b.Part), cmp.Compare(a.Zone, b.Zone))
	})
}

func (m *model) bucketRows(zone string, start int64, driver string) []persist.TrackRow {
	return sorted(m.tracks, func(r persist.TrackRow) bool {
		return r.DriverID == driver && r.Zone == zone && r.BucketStart == start
	}, func(a, b persist.TrackRow) int { return cmp.Compare(a.Part, b.Part) })
}

// allTracks returns all drivers' rows of a span, those of a driver together.
func (m *model) allTracks(from, to int64) []persist.TrackRow {
	return sorted(m.tracks, func(r persist.TrackRow) bool { return from <= to && r.FirstTS <= to && r.LastTS >= from },
		func(a, b persist.TrackRow) int {
			return cmp.Or(cmp.Compare(a.DriverID, b.DriverID), cmp.Compare(a.BucketStart, b.BucketStart))
		})
}

func (m *model) appendMovements(ms []persist.Movement) {
	for _, v := range ms {
		addNew(m.movements, seqKey{v.StoreID, v.Seq}, v)
	}
}

func (m *model) ledger(store string, after int64, limit int) []persist.Movement {
	all := sorted(m.movements, func(v persist.Movement) bool { return v.StoreID == store && v.Seq > after },
		func(a, b persist.Movement) int { return cmp.Compare(a.Seq, b.Seq) })
	if limit == 0 {
		return nil
	}
	return all[:min(limit, len(all))]
}

func (m *model) putReservations(rs []persist.Reservation) {
	for _, r := range rs {
		key := reservationKey{r.StoreID, r.ID}
		if m.reservations[key].Seq <= r.Seq {
			m.reservations[key] = r
		}
	}
}

func (m *model) reservationsOf(store string, closedSince int64) []persist.Reservation {
	return sorted(m.reservations, func(r persist.Reservation) bool {
		return r.StoreID == store && (r.ClosedTS == 0 || r.ClosedTS >= closedSince)
	}, func(a, b persist.Reservation) int { return cmp.Compare(a.ID, b.ID) })
}

func (m *model) putOrder(o persist.Order, events []persist.OrderEvent) {
	if m.orders[o.ID].Version <= o.Version {
		m.orders[o.ID] = o
	}
	for _, e := range events {
		addNew(m.events, seqKey{e.OrderID, e.Seq}, e)
	}
}

func (m *model) history(id string) []persist.OrderEvent {
	return sorted(m.events, func(e persist.OrderEvent) bool { return e.OrderID == id },
		func(a, b persist.OrderEvent) int { return cmp.Compare(a.Seq, b.Seq) })
}

func addNew[K comparable, V any](all map[K]V, key K, v V) {
	if _, ok := all[key]; !ok {
		all[key] = v
	}
}

func sorted[K comparable, V any](all map[K]V, keep func(V) bool, order func(a, b V) int) []V {
	return slices.SortedFunc(func(yield func(V) bool) {
		for v := range maps.Values(all) {
			if keep(v) && !yield(v) {
				return
			}
		}
	}, order)
}

// testModel does random things to the store, through either of two handles,
// and to the model, and wants the same answers.
func testModel(t *testing.T, f *fixture) {
	rapid.Check(t, func(t *rapid.T) {
		m := machine{model: newModel(), prefix: tag(), stores: []persist.Store{f.a, f.b}}
		t.Repeat(map[string]func(*rapid.T){
			"WriteTracks":     m.writeTracksOp,
			"TrackRows":       m.trackRowsOp,
			"AppendMovements": m.appendMovementsOp,
			"Movements":       m.movementsOp,
			"PutReservations": m.putReservationsOp,
			"Reservations":    m.reservationsOp,
			"PutOrder":        m.putOrderOp,
			"Order":           m.orderOp,
			"PutProducts":     m.putProductsOp,
			"Products":        m.productsOp,
			"PutDarkStores":   m.putDarkStoresOp,
			"DarkStores":      m.darkStoresOp,
		})
	})
}

// machine draws operations whose keys collide often.
type machine struct {
	*model
	prefix string
	stores []persist.Store
}

func (m *machine) store(t *rapid.T) persist.Store {
	return m.stores[rapid.IntRange(0, len(m.stores)-1).Draw(t, "handle")]
}

// id draws one of three ids.
func (m *machine) id(t *rapid.T) string {
	return m.prefix + rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(t, "id")
}

func word(t *rapid.T) string { return rapid.StringN(0, 4, -1).Draw(t, "word") }

func number(t *rapid.T, low, high int64) int64 { return rapid.Int64Range(low, high).Draw(t, "number") }

// some draws up to n values.
func some[T any](t *rapid.T, n int, draw func() T) []T {
	all := make([]T, rapid.IntRange(0, n).Draw(t, "count"))
	for i := range all {
		all[i] = draw()
	}
	return all
}

// moment draws a time around the ends of buckets and hours.
func moment(t *rapid.T) int64 {
	return monday + number(t, -2, 50)*hour/2 + number(t, -1, 31)*second
}

func (m *machine) writeTracksOp(t *rapid.T) {
	rows := some(t, 12, func() persist.TrackRow {
		zone := rapid.SampledFrom([]string{"", "east", "west"}).Draw(t, "zone")
		r := track(m.id(t), zone, monday+number(t, -2, 50)*hour/2, number(t, 1, 3))
		r.FirstTS = r.BucketStart + number(t, 0, 60*second)
		r.LastTS = r.FirstTS + number(t, 0, persist.MaxBucketMS-60*second-1)
		r.Path, r.Fixes = word(t), int(number(t, 1, 1000))
		r.MockFixes = int(number(t, 0, int64(r.Fixes)))
		r.DistanceM = rapid.Float64Range(0, 1e6).Draw(t, "distance")
		return r
	})
	require.NoError(t, m.store(t).WriteTracks(context.Background(), rows))
	m.writeTracks(rows)
}

func (m *machine) trackRowsOp(t *rapid.T) {
	driver, from, to := m.id(t), moment(t), moment(t)
	require.Equal(t, m.trackRows(driver, from, to), tracks(t, m.store(t), driver, from, to))
}

func (m *machine) appendMovementsOp(t *rapid.T) {
	ms := some(t, 12, func() persist.Movement {
		v := movement(m.id(t), number(t, 0, 3)*7_000+number(t, 1, 6))
		v.Reference, v.Available = word(t), number(t, -9, 9)
		return v
	})
	require.NoError(t, m.store(t).AppendMovements(context.Background(), ms))
	m.appendMovements(ms)
}

func (m *machine) movementsOp(t *rapid.T) {
	store, after, limit := m.id(t), number(t, 0, 3)*7_000+number(t, -1, 7), int(number(t, 0, 20))
	require.Equal(t, m.ledger(store, after, limit), movements(t, m.store(t), store, after, limit))
}

// putReservationsOp keeps what real ones keep: one content at each Seq.
func (m *machine) putReservationsOp(t *rapid.T) {
	rs := some(t, 8, func() persist.Reservation {
		r := reservation(m.id(t), m.id(t), number(t, 1, 6))
		r.OrderID = fmt.Sprint("order of movement ", r.Seq)
		if r.Seq%2 == 0 {
			r.Lines, r.ClosedTS = nil, monday+r.Seq
		}
		return r
	})
	require.NoError(t, m.store(t).PutReservations(context.Background(), rs))
	m.putReservations(rs)
}

func (m *machine) reservationsOp(t *rapid.T) {
	store, since := m.id(t), monday+number(t, 0, 7)
	require.Equal(t, m.reservationsOf(store, since), reservations(t, m.store(t), store, since))
}

// putOrderOp keeps what real orders keep: one version has one content.
func (m *machine) putOrderOp(t *rapid.T) {
	o, _ := order(m.id(t), int(number(t, 1, int64(len(statuses)))))
	o.CustomerID = fmt.Sprint("customer of version ", o.Version)
	if o.Version%2 == 0 {
		o.Lines = nil
	}
	events := some(t, 4, func() persist.OrderEvent {
		return persist.OrderEvent{OrderID: o.ID, Seq: number(t, 1, 6), TS: moment(t), Status: word(t), Note: word(t)}
	})
	require.NoError(t, m.store(t).PutOrder(context.Background(), o, events))
	m.putOrder(o, events)
}

func (m *machine) orderOp(t *rapid.T) {
	id := m.id(t)
	if o, ok := m.orders[id]; ok {
		requireOrder(t, m.store(t), o, m.history(id))
		return
	}
	_, _, err := m.store(t).Order(context.Background(), id)
	require.ErrorIs(t, err, persist.ErrNotFound)
}

func (m *machine) putProductsOp(t *rapid.T) {
	ps := some(t, 5, func() persist.Product {
		p := product(m.id(t))
		p.Name, p.PricePaise, p.Categories = word(t), number(t, 0, 100), nil
		for range number(t, 0, 2) {
			p.Categories = append(p.Categories, word(t))
		}
		return p
	})
	require.NoError(t, m.store(t).PutProducts(context.Background(), ps))
	for _, p := range ps {
		m.products[p.ID] = p
	}
}

func (m *machine) productsOp(t *rapid.T) {
	all := sorted(m.products, func(persist.Product) bool { return true },
		func(a, b persist.Product) int { return cmp.Compare(a.ID, b.ID) })
	require.Equal(t, all, products(t, m.store(t), m.prefix, int(number(t, 1, 5))))
	id := m.id(t)
	got, err := m.store(t).ProductsByID(context.Background(), []string{id})
	require.NoError(t, err)
	var want []persist.Product
	if p, ok := m.products[id]; ok {
		want = []persist.Product{p}
	}
	require.Equal(t, want, got)
}

func (m *machine) putDarkStoresOp(t *rapid.T) {
	ss := some(t, 3, func() persist.DarkStore {
		return persist.DarkStore{ID: m.id(t), Name: word(t), Lat: float64(number(t, -90, 90)), Open: rapid.Bool().Draw(t, "open")}
	})
	require.NoError(t, m.store(t).PutDarkStores(context.Background(), ss))
	for _, d := range ss {
		m.model.stores[d.ID] = d
	}
}

func (m *machine) darkStoresOp(t *rapid.T) {
	all := sorted(m.model.stores, func(persist.DarkStore) bool { return true },
		func(a, b persist.DarkStore) int { return cmp.Compare(a.ID, b.ID) })
	require.Equal(t, all, darkStores(t, m.store(t), m.prefix))
}
