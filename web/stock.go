package web

import (
	"context"
	"time"

	"hyperlocal/inventory"
	"hyperlocal/persist"
	"hyperlocal/web/api"
)

// Inventory is what the calls need of stores and stock.
type Inventory interface {
	ImportProducts(ctx context.Context, ps []persist.Product) error
	PutStore(ctx context.Context, s persist.DarkStore) (persist.DarkStore, error)
	Store(ctx context.Context, id string) (persist.DarkStore, error)
	Stores(ctx context.Context) ([]persist.DarkStore, error)
	Recorded(ctx context.Context) ([]persist.DarkStore, error)
	NearestStores(ctx context.Context, lat, lon float64, limit int) ([]inventory.StoreDistance, error)
	Availability(ctx context.Context, lat, lon float64, products []string) (inventory.StoreDistance, map[string]int64, error)
	Stock(ctx context.Context, storeID string, products []string) (map[string]int64, error)
	Move(ctx context.Context, storeID string, req inventory.MoveRequest) (map[string]int64, error)
	Reserve(ctx context.Context, storeID string, req inventory.ReserveRequest) (inventory.Reservation, error)
	Reservation(ctx context.Context, id string) (inventory.Reservation, error)
	Commit(ctx context.Context, id string) (inventory.Reservation, error)
	Release(ctx context.Context, id string) (inventory.Reservation, error)
}

func (s *server) GetStock(ctx context.Context, r api.GetStockRequestObject) (api.GetStockResponseObject, error) {
	stock, err := s.Inventory.Stock(ctx, r.ID, r.Params.Product)
	if err != nil {
		return nil, renamed(err, "products", "product")
	}
	return api.GetStock200JSONResponse{StoreID: r.ID, Stock: stock}, nil
}

func (s *server) PostAvailability(ctx context.Context, r api.PostAvailabilityRequestObject) (api.PostAvailabilityResponseObject, error) {
	store, stock, err := s.Inventory.Availability(ctx, r.Body.Lat, r.Body.Lon, r.Body.Products)
	if err != nil {
		return nil, err
	}
	return api.PostAvailability200JSONResponse{Store: nearStore(store), Stock: stock}, nil
}

func (s *server) PostMovements(ctx context.Context, r api.PostMovementsRequestObject) (api.PostMovementsResponseObject, error) {
	lines := make([]persist.Line, len(r.Body.Lines))
	for i, l := range r.Body.Lines {
		lines[i] = persist.Line{ProductID: l.ProductID, Units: l.Units}
	}
	stock, err := s.Inventory.Move(ctx, r.ID, inventory.MoveRequest{
		Kind: inventory.MoveKind(r.Body.Kind), Lines: lines,
		Reference: r.Body.Reference, IdempotencyKey: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, withLines(err, lines)
	}
	return api.PostMovements201JSONResponse{StoreID: r.ID, Stock: stock}, nil
}

func (s *server) PostReservation(ctx context.Context, r api.PostReservationRequestObject) (api.PostReservationResponseObject, error) {
	lines := linesIn(r.Body.Lines)
	res, err := s.Inventory.Reserve(ctx, r.ID, inventory.ReserveRequest{
		OrderID: r.Body.OrderID, Lines: lines,
		TTL: time.Duration(r.Body.TTLS) * time.Second, IdempotencyKey: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, withLines(err, lines)
	}
	return api.PostReservation201JSONResponse(reservation(res)), nil
}

func (s *server) GetReservation(ctx context.Context, r api.GetReservationRequestObject) (api.GetReservationResponseObject, error) {
	res, err := s.Inventory.Reservation(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return api.GetReservation200JSONResponse(reservation(res)), nil
}

func (s *server) CommitReservation(ctx context.Context, r api.CommitReservationRequestObject) (api.CommitReservationResponseObject, error) {
	res, err := s.Inventory.Commit(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return api.CommitReservation200JSONResponse(reservation(res)), nil
}

func (s *server) ReleaseReservation(ctx context.Context, r api.ReleaseReservationRequestObject) (api.ReleaseReservationResponseObject, error) {
	res, err := s.Inventory.Release(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return api.ReleaseReservation200JSONResponse(reservation(res)), nil
}

func reservation(r inventory.Reservation) api.Reservation {
	return api.Reservation{
		ReservationID: r.ID, StoreID: r.StoreID, OrderID: r.OrderID,
		State: api.ReservationState(r.State), Lines: linesOut(r.Lines), ExpiresTS: r.ExpiresTS,
	}
}

func linesIn(in []api.Line) []persist.Line {
	out := make([]persist.Line, len(in))
	for i, l := range in {
		out[i] = persist.Line{ProductID: l.ProductID, Units: l.Units}
	}
	return out
}

func linesOut(in []persist.Line) []api.Line {
	out := make([]api.Line, len(in))
	for i, l := range in {
		out[i] = api.Line{ProductID: l.ProductID, Units: l.Units}
	}
	return out
}
