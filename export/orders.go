package export

import (
	"context"
	"encoding/json"

	"hyperlocal/persist"
)

// order is a record of an order, with its history.
type order struct {
	OrderID       string         `json:"order_id"`
	Status        string         `json:"status"`
	StoreID       string         `json:"store_id"`
	CustomerID    string         `json:"customer_id,omitempty"`
	DriverID      string         `json:"driver_id,omitempty"`
	ReservationID string         `json:"reservation_id,omitempty"`
	Drop          place          `json:"drop"`
	Lines         []persist.Line `json:"lines"`
	CreatedTS     int64          `json:"created_ts"`
	UpdatedTS     int64          `json:"updated_ts"`
	Events        []event        `json:"events"`
}

type place struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

type event struct {
	Seq      int64  `json:"seq"`
	TS       int64  `json:"ts"`
	Status   string `json:"status"`
	DriverID string `json:"driver_id,omitempty"`
	Note     string `json:"note,omitempty"`
}

// A table has no room for lists: lines and events are JSON in their columns.
var orderColumns = []string{
	"order_id", "status", "store_id", "customer_id", "driver_id", "reservation_id", "drop_lat", "drop_lon",
	"created_ts", "updated_ts", "lines_json", "events_json",
}

func (o order) row() []string {
	lines, _ := json.Marshal(o.Lines)   // texts and numbers
	events, _ := json.Marshal(o.Events) // likewise
	return []string{
		o.OrderID, o.Status, o.StoreID, o.CustomerID, o.DriverID, o.ReservationID, decimal(o.Drop.Lat, -1), decimal(o.Drop.Lon, -1),
		whole(o.CreatedTS), whole(o.UpdatedTS), string(lines), string(events),
	}
}

// orders reads all of them: no table is in order of their time. How far it is, it
// cannot say.
func (e *exporter) orders(ctx context.Context, put emit) error {
	return e.db.ScanOrders(ctx, func(o persist.Order, events []persist.OrderEvent) error {
		if o.UpdatedTS < e.sel.From || o.CreatedTS > e.sel.To || e.sel.DarkStore != "" && o.StoreID != e.sel.DarkStore {
			return nil
		}
		r := order{
			OrderID: o.ID, Status: o.Status, StoreID: o.StoreID, CustomerID: o.CustomerID, DriverID: o.DriverID,
			ReservationID: o.ReservationID, Drop: place{o.DropLat, o.DropLon}, CreatedTS: o.CreatedTS, UpdatedTS: o.UpdatedTS,
			Lines: append([]persist.Line{}, o.Lines...), Events: make([]event, len(events)),
		}
		for i, v := range events {
			r.Events[i] = event{Seq: v.Seq, TS: v.TS, Status: v.Status, DriverID: v.DriverID, Note: v.Note}
		}
		return put(r, 0)
	})
}
