package web

import (
	"context"
	"errors"
	"fmt"

	"hyperlocal/cache"
	"hyperlocal/inventory"
	"hyperlocal/persist"
	"hyperlocal/web/api"
)

// Catalogue is what the calls read of the products.
type Catalogue interface {
	Products(ctx context.Context, after string, limit int) ([]persist.Product, error)
}

func (s *server) ListProducts(ctx context.Context, r api.ListProductsRequestObject) (api.ListProductsResponseObject, error) {
	limit := orDefault(r.Params.Limit, 50)
	ps, err := s.Catalogue.Products(ctx, r.Params.After, limit)
	if err != nil {
		return nil, err
	}
	out := api.ListProducts200JSONResponse{Products: make([]api.Product, len(ps))}
	for i, p := range ps {
		out.Products[i] = api.Product{
			ProductID: p.ID, Name: p.Name, Categories: p.Categories, MrpPaise: p.MRPPaise, PricePaise: p.PricePaise,
			DiscountPercent: p.DiscountPercent, WeightG: p.WeightG, PackSize: p.PackSize,
		}
	}
	if len(ps) == limit {
		out.Next = ps[limit-1].ID
	}
	return out, nil
}

func (s *server) PutProducts(ctx context.Context, r api.PutProductsRequestObject) (api.PutProductsResponseObject, error) {
	ps := make([]persist.Product, len(r.Body.Products))
	for i, p := range r.Body.Products {
		ps[i] = persist.Product{
			ID: p.ProductID, Name: p.Name, Categories: p.Categories, MRPPaise: p.MrpPaise, PricePaise: p.PricePaise,
			DiscountPercent: p.DiscountPercent, WeightG: p.WeightG, PackSize: p.PackSize,
		}
	}
	if err := s.Inventory.ImportProducts(ctx, ps); err != nil {
		return nil, err
	}
	return api.PutProducts204Response{}, nil
}

func (s *server) ListStores(ctx context.Context, _ api.ListStoresRequestObject) (api.ListStoresResponseObject, error) {
	ss, err := s.Inventory.Stores(ctx)
	degraded := errors.Is(err, cache.ErrUnavailable)
	if degraded {
		ss, err = s.recordedStores(ctx)
	} else if err == nil && len(ss) == 0 { // it may have lost them, just before the start
		ss, err = s.Inventory.Recorded(ctx)
	}
	if err != nil {
		return nil, err
	}
	out := api.ListStores200JSONResponse{Stores: make([]api.Store, len(ss)), Degraded: degraded}
	for i, st := range ss {
		out.Stores[i] = store(st)
	}
	return out, nil
}

func (s *server) NearestStores(ctx context.Context, r api.NearestStoresRequestObject) (api.NearestStoresResponseObject, error) {
	ss, err := s.Inventory.NearestStores(ctx, r.Params.Lat, r.Params.Lon, orDefault(r.Params.Limit, 5))
	if err != nil {
		return nil, err
	}
	out := api.NearestStores200JSONResponse{Stores: make([]api.Store, len(ss))}
	for i, st := range ss {
		out.Stores[i] = nearStore(st)
	}
	return out, nil
}

func (s *server) GetStore(ctx context.Context, r api.GetStoreRequestObject) (api.GetStoreResponseObject, error) {
	st, err := s.Inventory.Store(ctx, r.ID)
	if errors.Is(err, cache.ErrUnavailable) {
		return s.recordedStore(ctx, r.ID)
	}
	if err != nil {
		return nil, err
	}
	return api.GetStore200JSONResponse(store(st)), nil
}

// recordedStores are the stores from the database, in place of an engine that
// does not answer. It has every store, and before the engine.
func (s *server) recordedStores(ctx context.Context) ([]persist.DarkStore, error) {
	ss, err := s.Inventory.Recorded(ctx)
	if err == nil {
		s.degraded.Inc()
	}
	return ss, err
}

func (s *server) recordedStore(ctx context.Context, id string) (api.GetStoreResponseObject, error) {
	ss, err := s.recordedStores(ctx)
	if err != nil {
		return nil, err
	}
	for _, st := range ss {
		if st.ID == id {
			out := store(st)
			out.Degraded = true
			return api.GetStore200JSONResponse(out), nil
		}
	}
	return nil, fmt.Errorf("%w: %q", inventory.ErrUnknownStore, id)
}

func (s *server) PutStore(ctx context.Context, r api.PutStoreRequestObject) (api.PutStoreResponseObject, error) {
	st, err := s.Inventory.PutStore(ctx, persist.DarkStore{
		ID: r.ID, Name: r.Body.Name, Lat: r.Body.Lat, Lon: r.Body.Lon,
		Open: r.Body.Open == nil || *r.Body.Open,
	})
	if err != nil {
		return nil, err
	}
	return api.PutStore200JSONResponse(store(st)), nil
}

func store(s persist.DarkStore) api.Store {
	return api.Store{StoreID: s.ID, Name: s.Name, Lat: s.Lat, Lon: s.Lon, Open: s.Open}
}

func nearStore(s inventory.StoreDistance) api.Store {
	out := store(s.DarkStore)
	out.DistanceM = hundredths(s.DistanceM)
	return out
}
