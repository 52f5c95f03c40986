package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/stretchr/testify/require"

	"hyperlocal/loadtest"
	"hyperlocal/problem"
)

// event is a status that an order was given, and where its driver was then.
type event struct {
	at     time.Time
	status string
	driver string
	metres float64 // from the store until picked_up, from the drop afterwards
}

type fakeOrder struct {
	orderDoc
	Lines  []line `json:"lines"`
	events []event
}

// fakeServer is as much of the API as the demo uses, strict about what the real
// one is strict about.
type fakeServer struct {
	t *testing.T
	http.ServeMux

	mu           sync.Mutex
	down         bool
	stores       []Store
	stock        map[string]int // alike in all stores
	drivers      map[string]loadtest.Ping
	orders       []*fakeOrder
	reservations map[string]string // to their state
}

func newFakeServer(t *testing.T) *fakeServer {
	stores, err := Stores()
	require.NoError(t, err)
	s := &fakeServer{
		t: t, stores: stores, stock: make(map[string]int),
		drivers: make(map[string]loadtest.Ping), reservations: make(map[string]string),
	}
	for i := range 80 {
		s.stock[fmt.Sprintf("product:%d", i)] = i % 3 // a third is sold out
	}
	s.handle("POST /v1/locations", s.locations)
	s.handle("GET /v1/drivers/nearby", s.nearby)
	s.handle("GET /v1/products", s.products)
	s.handle("GET /v1/stores/{id}", s.store)
	s.handle("POST /v1/availability", s.availability)
	s.handle("POST /v1/stores/{id}/reservations", s.reserve)
	s.handle("POST /v1/reservations/{id}/commit", s.settle("committed"))
	s.handle("DELETE /v1/reservations/{id}", s.settle("released"))
	s.handle("POST /v1/orders", s.placeOrder)
	s.handle("GET /v1/orders/{id}", s.getOrder)
	s.handle("POST /v1/orders/{id}/status", s.advance)
	return s
}

// handle answers with what a function returns: a problem, or anything as JSON.
func (s *fakeServer) handle(pattern string, f func(r *http.Request) any) {
	s.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			problem.Write(w, problem.Unavailable)
			return
		}
		switch reply := f(r).(type) {
		case *problem.Problem:
			problem.Write(w, reply)
		default:
			require.NoError(s.t, json.NewEncoder(w).Encode(reply))
		}
	})
}

func (s *fakeServer) read(r *http.Request, into any) {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	require.NoError(s.t, d.Decode(into))
}

func (s *fakeServer) locations(r *http.Request) any {
	var pings []loadtest.Ping
	s.read(r, &pings)
	for _, p := range pings {
		require.WithinDuration(s.t, time.Now(), time.UnixMilli(p.TS), 16*time.Second, "repeated for 15 s at most")
		s.drivers[p.DriverID] = p
	}
	return map[string]any{"verdicts": map[string]int{"accepted": len(pings)}, "rejected": []any{}}
}

func (s *fakeServer) nearby(r *http.Request) any {
	lat, err1 := strconv.ParseFloat(r.FormValue("lat"), 64)
	lon, err2 := strconv.ParseFloat(r.FormValue("lon"), 64)
	require.NoError(s.t, cmp.Or(err1, err2))
	var near []map[string]any
	for id, p := range s.drivers {
		if m := metres(lat, lon, p.Lat, p.Lon); m <= 5000 {
			near = append(near, map[string]any{"driver_id": id, "distance_m": m})
		}
	}
	slices.SortFunc(near, func(a, b map[string]any) int {
		return cmp.Compare(a["distance_m"].(float64), b["distance_m"].(float64))
	})
	return map[string]any{"drivers": near}
}

func (s *fakeServer) products(*http.Request) any {
	var list []map[string]any
	for i := range len(s.stock) {
		list = append(list, map[string]any{"product_id": fmt.Sprintf("product:%d", i)})
	}
	return map[string]any{"products": list}
}

func (s *fakeServer) storeByID(id string) *Store {
	i := slices.IndexFunc(s.stores, func(st Store) bool { return st.ID == id })
	require.GreaterOrEqual(s.t, i, 0, "store %q", id)
	return &s.stores[i]
}

func (s *fakeServer) store(r *http.Request) any {
	st := s.storeByID(r.PathValue("id"))
	return map[string]any{"store_id": st.ID, "name": st.Name, "lat": st.Lat, "lon": st.Lon, "open": true}
}

func (s *fakeServer) availability(r *http.Request) any {
	var q struct {
		Lat, Lon float64
		Products []string
	}
	s.read(r, &q)
	require.NotEmpty(s.t, q.Products)
	nearest := slices.MinFunc(s.stores, func(a, b Store) int {
		return cmp.Compare(metres(q.Lat, q.Lon, a.Lat, a.Lon), metres(q.Lat, q.Lon, b.Lat, b.Lon))
	})
	stock := make(map[string]int)
	for _, id := range q.Products {
		stock[id] = s.stock[id]
	}
	return map[string]any{"store": map[string]any{"store_id": nearest.ID, "lat": nearest.Lat, "lon": nearest.Lon}, "stock": stock}
}

func (s *fakeServer) reserve(r *http.Request) any {
	var q struct {
		OrderID string `json:"order_id"`
		Lines   []line
		TTLS    int `json:"ttl_s"`
	}
	s.read(r, &q)
	s.storeByID(r.PathValue("id"))
	for _, l := range q.Lines {
		require.True(s.t, l.Units >= 1 && l.Units <= s.stock[l.ProductID], "%+v of %d", l, s.stock[l.ProductID])
	}
	id := "reservation-" + q.OrderID
	s.reservations[id] = "open"
	return map[string]any{"reservation_id": id}
}

func (s *fakeServer) settle(state string) func(*http.Request) any {
	return func(r *http.Request) any {
		id := r.PathValue("id")
		if was := s.reservations[id]; was != "open" && was != state {
			return problem.New(http.StatusConflict, "reservation-ended", "It has ended").WithDetail("it is %q", was)
		}
		s.reservations[id] = state
		return map[string]any{"reservation_id": id, "state": state}
	}
}

func (s *fakeServer) placeOrder(r *http.Request) any {
	o := &fakeOrder{}
	var q struct {
		OrderID       string `json:"order_id"`
		StoreID       string `json:"store_id"`
		CustomerID    string `json:"customer_id"`
		ReservationID string `json:"reservation_id"`
		Drop          place
		Lines         []line
	}
	s.read(r, &q)
	for _, other := range s.orders {
		require.Contains(s.t, []string{delivered, cancelled}, other.Status, "one order at a time: %s", other.OrderID)
		require.NotEqual(s.t, other.OrderID, q.OrderID)
	}
	require.Equal(s.t, "open", s.reservations[q.ReservationID])
	now := time.Now().UnixMilli()
	o.orderDoc = orderDoc{
		OrderID: q.OrderID, Status: placed, StoreID: q.StoreID, ReservationID: q.ReservationID,
		Drop: q.Drop, CreatedTS: now, UpdatedTS: now,
	}
	o.Lines = q.Lines
	o.events = []event{{at: time.Now(), status: placed}}
	s.orders = append(s.orders, o)
	return o
}

func (s *fakeServer) find(r *http.Request) *fakeOrder {
	for _, o := range s.orders {
		if o.OrderID == r.PathValue("id") {
			return o
		}
	}
	return nil
}

func (s *fakeServer) getOrder(r *http.Request) any {
	if o := s.find(r); o != nil {
		return o
	}
	return problem.NotFound
}

func (s *fakeServer) advance(r *http.Request) any {
	var q struct {
		Status   string
		DriverID string `json:"driver_id"`
	}
	s.read(r, &q)
	o := s.find(r)
	require.NotNil(s.t, o)
	way := []string{placed, accepted, beingPrepared, pickedUp, outForDelivery, delivered}
	next := slices.Index(way, o.Status) + 1
	require.True(s.t, q.Status == cancelled && o.Status != delivered || next < len(way) && q.Status == way[next], "%s to %s", o.Status, q.Status)
	if q.DriverID != "" {
		require.Contains(s.t, s.drivers, q.DriverID)
		o.DriverID = q.DriverID
	}
	goal := o.Drop
	if st := s.storeByID(o.StoreID); next <= slices.Index(way, pickedUp) {
		goal = place{st.Lat, st.Lon}
	}
	d := s.drivers[o.DriverID]
	o.Status, o.UpdatedTS = q.Status, time.Now().UnixMilli()
	o.events = append(o.events, event{time.Now(), q.Status, o.DriverID, metres(d.Lat, d.Lon, goal.Lat, goal.Lon)})
	return o
}

func metres(lat1, lon1, lat2, lon2 float64) float64 {
	return geo.Distance(orb.Point{lon1, lat1}, orb.Point{lon2, lat2})
}
