package main

import (
	"context"
	"errors"

	"hyperlocal/geo"
	"hyperlocal/orders"
	"hyperlocal/persist"
	"hyperlocal/realtime"
)

// livePositions lets the hub ask the fleet.
type livePositions struct{ fleet *geo.Fleet }

func (l livePositions) MovedSince(ctx context.Context, zone string, sinceMS, cursor int64, limit int) ([]realtime.Position, int64, error) {
	ps, next, err := l.fleet.MovedSince(ctx, zone, sinceMS, cursor, limit)
	return livePositionsOf(ps), next, err
}

func (l livePositions) Positions(ctx context.Context, ids []string) ([]realtime.Position, error) {
	ps, err := l.fleet.Positions(ctx, ids)
	return livePositionsOf(ps), err
}

// livePositionsOf leaves out drivers that went stale.
func livePositionsOf(ps []geo.Position) []realtime.Position {
	out := make([]realtime.Position, 0, len(ps))
	for i := range ps {
		if p := &ps[i]; !p.Stale {
			out = append(out, realtime.Position{
				DriverID: p.DriverID, Lat: p.Lat, Lon: p.Lon, TS: p.TS,
				SpeedMPS: p.SpeedMPS, BearingDeg: p.BearingDeg, Zone: p.Zone,
			})
		}
	}
	return out
}

// liveOrders lets the hub read orders.
type liveOrders struct{ orders *orders.Orders }

func (l liveOrders) Order(ctx context.Context, id string) (realtime.Order, error) {
	o, _, err := l.orders.Get(ctx, id)
	if err != nil {
		return realtime.Order{}, liveError(err)
	}
	return realtime.Order{
		OrderID: o.ID, Seq: o.Version, Status: o.Status, TS: o.UpdatedTS, DriverID: o.DriverID, StoreID: o.StoreID,
	}, nil
}

func (l liveOrders) Events(ctx context.Context, id string, after int64) ([]realtime.Event, error) {
	events, err := l.orders.Events(ctx, id, after)
	if err != nil {
		return nil, liveError(err)
	}
	return liveEvents(events), nil
}

func liveEvents(events []persist.OrderEvent) []realtime.Event {
	out := make([]realtime.Event, len(events))
	for i, e := range events {
		out[i] = realtime.Event{OrderID: e.OrderID, Seq: e.Seq, Status: e.Status, TS: e.TS, DriverID: e.DriverID, Note: e.Note}
	}
	return out
}

func liveError(err error) error {
	if errors.Is(err, orders.ErrNotFound) {
		return realtime.ErrUnknownOrder
	}
	return err
}
