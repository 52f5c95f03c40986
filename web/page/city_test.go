package page

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/cache"
	"hyperlocal/realtime"
)

// city is a server as the page sees it, made of little: a grid of square zones,
// drivers on circles, two stores and an order. Its live connection is the real
// hub on the city's own sources.
type city struct {
	zones   []cityZone
	drivers int
	began   time.Time
	away    atomic.Bool // the live connection answers 503

	mu     sync.Mutex
	stock  map[string]int64
	events []map[string]any
	sub    *citySubscription
	hub    *realtime.Hub
	stop   context.CancelFunc
	ended  chan struct{}
}

type cityZone struct {
	id       string
	lat, lon float64 // of its south-west corner
}

const (
	zoneSize = 0.03 // degrees
	orderID  = "O-1001"
	partner  = "d7" // brings the order
)

func newCity(t *testing.T, drivers int) *city {
	t.Helper()
	c := &city{drivers: drivers, began: time.Now(), stock: map[string]int64{}}
	for row := range 3 {
		for col := range 3 {
			c.zones = append(c.zones, cityZone{fmt.Sprintf("zone_%d_%d", row, col), 12.93 + zoneSize*float64(row), 77.55 + zoneSize*float64(col)})
		}
	}
	for i := range 50 {
		c.stock[productID(i)] = int64(i)
	}
	c.addEvent("placed", "")
	c.open()
	t.Cleanup(c.close)
	return c
}

// open starts a hub; close ends it and with it all live connections.
func (c *city) open() {
	ctx, cancel := context.WithCancel(context.Background())
	hub := realtime.NewHub(c, c, c, realtime.Options{Tick: 200 * time.Millisecond})
	ended := make(chan struct{})
	c.mu.Lock()
	c.hub, c.stop, c.ended = hub, cancel, ended
	c.mu.Unlock()
	go func() {
		defer close(ended)
		_ = hub.Run(ctx) // ends with ctx
	}()
}

func (c *city) close() {
	c.mu.Lock()
	stop, ended := c.stop, c.ended
	c.mu.Unlock()
	stop()
	<-ended
}

func productID(i int) string { return fmt.Sprintf("product:%d", 100+i) }

func (c *city) handler() http.Handler {
	e := echo.New()
	answer := func(path string, body func(echo.Context) any) {
		e.GET(path, func(ec echo.Context) error { return ec.JSON(http.StatusOK, body(ec)) })
	}
	answer("/v1/zones", func(echo.Context) any { return c.zoneCounts() })
	answer("/v1/zones.geojson", func(echo.Context) any { return c.zoneAreas() })
	answer("/demo/roads.geojson", func(echo.Context) any { return c.roads() })
	answer("/v1/stores", func(echo.Context) any { return map[string]any{"stores": c.stores()} })
	answer("/v1/products", func(echo.Context) any { return c.products() })
	answer("/v1/stores/:id/stock", c.stockOf)
	answer("/v1/drivers/nearby", c.nearby)
	answer("/v1/orders/:id", func(echo.Context) any { return c.order() })
	answer("/demo/order", func(echo.Context) any { return map[string]any{"order_id": orderID} })
	e.GET("/v1/live", func(ec echo.Context) error {
		if c.away.Load() {
			return ec.NoContent(http.StatusServiceUnavailable)
		}
		c.mu.Lock()
		hub := c.hub
		c.mu.Unlock()
		return hub.Live(ec)
	})
	e.GET("/*", echo.WrapHandler(Handler()))
	return e
}

// Where everyone is: each driver goes round the centre of its zone, and has a
// new fix every second.

func (c *city) position(i int) realtime.Position {
	z := c.zones[i%len(c.zones)]
	second := int64(time.Since(c.began) / time.Second)
	angle := float64(second)*0.05 + float64(i)
	radius := zoneSize * (0.1 + 0.35*float64(i%17)/17)
	return realtime.Position{
		DriverID: fmt.Sprintf("d%d", i),
		Lat:      z.lat + zoneSize/2 + radius*math.Sin(angle), Lon: z.lon + zoneSize/2 + radius*math.Cos(angle),
		TS:       c.began.UnixMilli() + 1000*second,
		SpeedMPS: 6, BearingDeg: float32(math.Mod(720-angle*180/math.Pi, 360)), Zone: z.id,
	}
}

func (c *city) MovedSince(_ context.Context, zone string, sinceMS, _ int64, _ int) (moved []realtime.Position, next int64, err error) {
	for i := range c.drivers {
		if p := c.position(i); p.Zone == zone && p.TS >= sinceMS {
			moved = append(moved, p)
		}
	}
	return moved, 0, nil
}

func (c *city) Positions(_ context.Context, ids []string) ([]realtime.Position, error) {
	var out []realtime.Position
	for i := range c.drivers {
		if p := c.position(i); slices.Contains(ids, p.DriverID) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (c *city) nearby(ec echo.Context) any {
	var lat, lon float64
	_, _ = fmt.Sscan(ec.QueryParam("lat"), &lat)
	_, _ = fmt.Sscan(ec.QueryParam("lon"), &lon)
	var drivers []map[string]any
	for i := range c.drivers {
		p := c.position(i)
		m := 111_195 * math.Hypot(p.Lat-lat, (p.Lon-lon)*math.Cos(lat*math.Pi/180))
		if m <= 2000 {
			drivers = append(drivers, map[string]any{
				"driver_id": p.DriverID, "lat": p.Lat, "lon": p.Lon, "ts": p.TS, "zone": p.Zone, "distance_m": m,
				"age_ms": time.Now().UnixMilli() - p.TS, "speed_mps": p.SpeedMPS,
			})
		}
	}
	slices.SortFunc(drivers, func(a, b map[string]any) int {
		return cmp.Compare(a["distance_m"].(float64), b["distance_m"].(float64))
	})
	return map[string]any{"drivers": drivers[:min(10, len(drivers))]}
}

// The map's ground.

func (c *city) zoneCounts() any {
	var zones []map[string]any
	for i, z := range c.zones {
		zones = append(zones, map[string]any{"zone": z.id, "name": z.id, "drivers": (c.drivers - i + len(c.zones) - 1) / len(c.zones)})
	}
	return map[string]any{"zones": zones}
}

func (c *city) zoneAreas() any {
	var features []any
	for _, z := range c.zones {
		n, e := z.lat+zoneSize, z.lon+zoneSize
		ring := [][]float64{{z.lon, z.lat}, {e, z.lat}, {e, n}, {z.lon, n}, {z.lon, z.lat}}
		features = append(features, feature("Polygon", [][][]float64{ring}, map[string]any{"zone": z.id, "name": z.id}))
	}
	return map[string]any{"type": "FeatureCollection", "features": features}
}

func (c *city) roads() any {
	first, last := c.zones[0], c.zones[len(c.zones)-1]
	line := [][]float64{{first.lon, first.lat}, {last.lon + zoneSize, last.lat + zoneSize}}
	return map[string]any{"type": "FeatureCollection", "features": []any{feature("LineString", line, map[string]any{"highway": "primary"})}}
}

func feature(kind string, coordinates any, properties map[string]any) any {
	return map[string]any{
		"type": "Feature", "properties": properties,
		"geometry": map[string]any{"type": kind, "coordinates": coordinates},
	}
}

// Stores and what is on their shelves.

func (c *city) stores() []map[string]any {
	return []map[string]any{
		{"store_id": "S1", "name": "First Street", "lat": 12.965, "lon": 77.585, "open": true},
		{"store_id": "S2", "name": "Second Street", "lat": 12.99, "lon": 77.62, "open": true},
	}
}

func (c *city) products() any {
	var products []map[string]any
	for i := range 50 {
		products = append(products, map[string]any{
			"product_id": productID(i), "name": fmt.Sprintf("Product <b>%d</b>", i), "mrp_paise": 12000, "price_paise": 9950, "discount_percent": 17,
		})
	}
	return map[string]any{"products": products}
}

func (c *city) stockOf(ec echo.Context) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	units := map[string]int64{}
	for _, p := range ec.QueryParams()["product"] {
		units[p] = c.stock[p]
	}
	return map[string]any{"store_id": ec.Param("id"), "stock": units}
}

// sell changes a product's units and publishes that.
func (c *city) sell(store, product string, left int64) {
	c.mu.Lock()
	c.stock[product] = left
	c.mu.Unlock()
	c.publish("stock_updates:{"+store+"}", map[string]any{"store_id": store, "stock": map[string]int64{product: left}})
}

// One order.

func (c *city) addEvent(status, driver string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	event := map[string]any{"order_id": orderID, "seq": len(c.events) + 1, "status": status, "ts": time.Now().UnixMilli()}
	if driver != "" {
		event["driver_id"] = driver
	}
	c.events = append(c.events, event)
	return event
}

// step moves the order on and publishes that.
func (c *city) step(status, driver string) {
	c.publish("order_updates:{"+orderID+"}", c.addEvent(status, driver))
}

func (c *city) order() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.events[len(c.events)-1]
	for i := len(c.events) - 1; last["status"] == "near_customer"; i-- { // which leaves the status as it is
		last = c.events[i-1]
	}
	order := map[string]any{
		"order_id": orderID, "status": last["status"], "version": len(c.events), "store_id": "S1",
		"drop": map[string]float64{"lat": 12.975, "lon": 77.60}, "created_ts": c.events[0]["ts"], "updated_ts": last["ts"],
		"lines": []any{map[string]any{"product_id": productID(1), "units": 2}, map[string]any{"product_id": productID(2), "units": 1}},
		// The handler encodes it after the lock is given back.
		"events": slices.Clone(c.events),
	}
	for _, e := range c.events {
		if d, ok := e["driver_id"]; ok {
			order["driver_id"] = d
		}
	}
	return order
}

func (c *city) Order(context.Context, string) (realtime.Order, error) {
	var o struct {
		Status  string `json:"status"`
		Version int64  `json:"version"`
		TS      int64  `json:"updated_ts"`
		Driver  string `json:"driver_id"`
	}
	err := recode(c.order(), &o)
	return realtime.Order{OrderID: orderID, Seq: o.Version, Status: o.Status, TS: o.TS, DriverID: o.Driver, StoreID: "S1"}, err
}

func (c *city) Events(_ context.Context, _ string, afterSeq int64) ([]realtime.Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var events []realtime.Event
	err := recode(c.events[afterSeq:], &events)
	return events, err
}

func recode(from, into any) error {
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	return err
}

// The engine's pub/sub, as far as one hub needs it.

type citySubscription struct {
	c        chan cache.Message
	channels sync.Map
	once     sync.Once
}

func (c *city) publish(channel string, payload any) {
	b, _ := json.Marshal(payload) // maps of strings and numbers
	_, _ = c.Publish(context.Background(), channel, string(b))
}

func (c *city) Publish(_ context.Context, channel, payload string) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, on := c.sub.channels.Load(channel); on {
		c.sub.c <- cache.Message{Channel: channel, Payload: payload}
	}
	return 1, nil
}

func (c *city) Subscribe(context.Context, ...string) (cache.Subscription, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sub = &citySubscription{c: make(chan cache.Message, 64)}
	return c.sub, nil
}

func (s *citySubscription) Add(_ context.Context, channels ...string) error {
	for _, name := range channels {
		s.channels.Store(name, true)
	}
	return nil
}

func (s *citySubscription) Remove(_ context.Context, channels ...string) error {
	for _, name := range channels {
		s.channels.Delete(name)
	}
	return nil
}

func (s *citySubscription) C() <-chan cache.Message { return s.c }

func (s *citySubscription) Close() error { s.once.Do(func() { close(s.c) }); return nil }

// isLocal reports whether a URL stays on the page's own host.
func isLocal(url, base string) bool {
	host := strings.TrimPrefix(base, "http://")
	for _, prefix := range []string{"http://" + host + "/", "ws://" + host + "/", "data:"} {
		if strings.HasPrefix(url, prefix) {
			return true
		}
	}
	return false
}
