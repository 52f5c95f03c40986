package web

import (
	"context"

	"hyperlocal/fence"
	"hyperlocal/web/api"
)

// Fences is what the calls need of fences.
type Fences interface {
	Put(ctx context.Context, f fence.Fence) (fence.Fence, error)
	Remove(ctx context.Context, id string) error
	Get(ctx context.Context, id string) (fence.Fence, error)
	List(after string, limit int) ([]fence.Fence, error)
	Events(ctx context.Context, id string, after int64, limit int) ([]fence.Event, error)
}

func (s *server) ListFences(_ context.Context, r api.ListFencesRequestObject) (api.ListFencesResponseObject, error) {
	limit := orDefault(r.Params.Limit, 100)
	fs, err := s.Fences.List(r.Params.After, limit)
	if err != nil {
		return nil, err
	}
	out := api.ListFences200JSONResponse{Fences: make([]api.Fence, len(fs))}
	for i, f := range fs {
		out.Fences[i] = fenceOut(f)
	}
	if len(fs) == limit {
		out.Next = fs[limit-1].ID
	}
	return out, nil
}

func (s *server) GetFence(ctx context.Context, r api.GetFenceRequestObject) (api.GetFenceResponseObject, error) {
	f, err := s.Fences.Get(ctx, r.ID)
	return api.GetFence200JSONResponse(fenceOut(f)), err
}

func (s *server) PutFence(ctx context.Context, r api.PutFenceRequestObject) (api.PutFenceResponseObject, error) {
	f := fence.Fence{ID: r.ID, Name: r.Body.Name, DwellS: r.Body.DwellS}
	if c := r.Body.Circle; c != nil {
		f.Circle = &fence.Circle{Lat: c.Lat, Lon: c.Lon, RadiusM: c.RadiusM}
	}
	if p := r.Body.Polygon; p != nil {
		f.Polygon = p.Coordinates
	}
	f, err := s.Fences.Put(ctx, f)
	return api.PutFence200JSONResponse(fenceOut(f)), err
}

func (s *server) DeleteFence(ctx context.Context, r api.DeleteFenceRequestObject) (api.DeleteFenceResponseObject, error) {
	return api.DeleteFence204Response{}, s.Fences.Remove(ctx, r.ID)
}

func (s *server) ListFenceEvents(ctx context.Context, r api.ListFenceEventsRequestObject) (api.ListFenceEventsResponseObject, error) {
	events, err := s.Fences.Events(ctx, r.ID, r.Params.After, orDefault(r.Params.Limit, 100))
	if err != nil {
		return nil, err
	}
	out := api.ListFenceEvents200JSONResponse{Events: make([]api.FenceEvent, len(events))}
	for i, e := range events {
		out.Events[i] = api.FenceEvent{
			FenceID: e.FenceID, Seq: e.Seq, Kind: api.FenceEventKind(e.Kind), DriverID: e.DriverID,
			TS: e.TS, Lat: e.Lat, Lon: e.Lon, Silent: e.Silent,
		}
	}
	return out, nil
}

func fenceOut(f fence.Fence) api.Fence {
	out := api.Fence{FenceID: f.ID, Name: f.Name, DwellS: f.DwellS}
	if c := f.Circle; c != nil {
		out.Circle = &api.Circle{Lat: c.Lat, Lon: c.Lon, RadiusM: c.RadiusM}
	}
	if f.Polygon != nil {
		out.Polygon = &api.Polygon{Type: api.PolygonTypePolygon, Coordinates: f.Polygon}
	}
	return out
}
