package web

import (
	"context"
	"errors"

	"hyperlocal/cache"
	"hyperlocal/geo"
	"hyperlocal/orders"
	"hyperlocal/persist"
	"hyperlocal/web/api"
)

// Orders is what the calls need of orders.
type Orders interface {
	Create(ctx context.Context, o orders.NewOrder) (persist.Order, []persist.OrderEvent, error)
	Advance(ctx context.Context, id string, req orders.AdvanceRequest) (persist.Order, []persist.OrderEvent, error)
	Get(ctx context.Context, id string) (persist.Order, []persist.OrderEvent, error)
	Recorded(ctx context.Context, id string) (persist.Order, []persist.OrderEvent, error)
}

func (s *server) PostOrder(ctx context.Context, r api.PostOrderRequestObject) (api.PostOrderResponseObject, error) {
	o, events, err := s.Orders.Create(ctx, orders.NewOrder{
		ID: r.Body.OrderID, StoreID: r.Body.StoreID, CustomerID: r.Body.CustomerID, ReservationID: r.Body.ReservationID,
		DropLat: r.Body.Drop.Lat, DropLon: r.Body.Drop.Lon, Lines: linesIn(r.Body.Lines),
		IdempotencyKey: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	out, err := s.order(ctx, o, events)
	return api.PostOrder201JSONResponse(out), err
}

func (s *server) PostOrderStatus(ctx context.Context, r api.PostOrderStatusRequestObject) (api.PostOrderStatusResponseObject, error) {
	o, events, err := s.Orders.Advance(ctx, r.ID, orders.AdvanceRequest{
		Status: orders.Status(r.Body.Status), DriverID: r.Body.DriverID, Note: r.Body.Note,
	})
	if err != nil {
		return nil, err
	}
	out, err := s.order(ctx, o, events)
	return api.PostOrderStatus200JSONResponse(out), err
}

func (s *server) GetOrder(ctx context.Context, r api.GetOrderRequestObject) (api.GetOrderResponseObject, error) {
	o, events, err := s.Orders.Get(ctx, r.ID)
	degraded := errors.Is(err, cache.ErrUnavailable)
	if degraded {
		if o, events, err = s.recorded(ctx, r.ID, err); err == nil {
			s.degraded.Inc()
		}
	}
	if err != nil {
		return nil, err
	}
	out, err := s.order(ctx, o, events)
	out.Degraded = out.Degraded || degraded
	return api.GetOrder200JSONResponse(out), err
}

// recorded returns an order from the database in place of an engine that does
// not answer. That the database does not have it says nothing: it may have been
// placed a moment ago.
func (s *server) recorded(ctx context.Context, id string, unavailable error) (persist.Order, []persist.OrderEvent, error) {
	o, events, err := s.Orders.Recorded(ctx, id)
	if errors.Is(err, orders.ErrNotFound) {
		err = unavailable
	}
	return o, events, err
}

// order adds the history, and where the driver is.
func (s *server) order(ctx context.Context, o persist.Order, events []persist.OrderEvent) (api.Order, error) {
	out := api.Order{
		OrderID: o.ID, Status: api.OrderStatus(o.Status), Version: o.Version, StoreID: o.StoreID, CustomerID: o.CustomerID,
		DriverID: o.DriverID, ReservationID: o.ReservationID, Drop: api.Place{Lat: o.DropLat, Lon: o.DropLon},
		Lines: linesOut(o.Lines), CreatedTS: o.CreatedTS, UpdatedTS: o.UpdatedTS,
		Events: make([]api.OrderEvent, len(events)),
	}
	for i, e := range events {
		out.Events[i] = api.OrderEvent{Seq: e.Seq, TS: e.TS, Status: api.OrderEventStatus(e.Status), DriverID: e.DriverID, Note: e.Note}
	}
	if o.DriverID == "" {
		return out, nil
	}
	p, err := s.Fleet.Driver(ctx, o.DriverID)
	switch {
	case errors.Is(err, geo.ErrUnknownDriver):
		return out, nil // assigned, but no ping of theirs has come yet
	case errors.Is(err, cache.ErrUnavailable):
		out.Degraded = true // an order without a place on the map is better than none
		return out, nil
	case err != nil:
		return api.Order{}, err
	}
	d := driver(&p)
	out.Driver = &d
	return out, nil
}
