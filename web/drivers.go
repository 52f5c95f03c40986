package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"hyperlocal/geo"
	"hyperlocal/persist"
	"hyperlocal/problem"
	"hyperlocal/web/api"
)

// Fleet is what the calls need of the fleet's present.
type Fleet interface {
	Nearby(ctx context.Context, q geo.NearbyQuery) ([]geo.Position, error)
	Driver(ctx context.Context, id string) (geo.Position, error)
	InZone(ctx context.Context, zone string, limit int) ([]geo.Position, error)
	ZoneSummaries(ctx context.Context) ([]geo.ZoneSummary, error)
}

// Tracks is what they need of its past.
type Tracks = persist.Tracks

// Zones are the polygons, which may change.
type Zones interface {
	GeoJSON() []byte
	// Reload puts others in force and returns how many there are. An error says what
	// is wrong with their file; then everything stays as it was.
	Reload(ctx context.Context) (zones int, err error)
}

// The bounds of a track's time.
const (
	defaultTrack = time.Hour
	maxTrack     = 31 * 24 * time.Hour
)

func (s *server) NearbyDrivers(ctx context.Context, r api.NearbyDriversRequestObject) (api.NearbyDriversResponseObject, error) {
	ps, err := s.Fleet.Nearby(ctx, geo.NearbyQuery{
		Lat: r.Params.Lat, Lon: r.Params.Lon,
		RadiusM:   r.Params.RadiusM,
		Limit:     orDefault(r.Params.Limit, 10),
		Available: r.Params.Available,
		MaxAge:    time.Duration(r.Params.MaxAgeS * float64(time.Second)),
	})
	if err != nil {
		return nil, err
	}
	out := drivers(ps)
	for i := range out {
		out[i].DistanceM = hundredths(ps[i].DistanceM)
	}
	return api.NearbyDrivers200JSONResponse{Drivers: out}, nil
}

func (s *server) GetDriver(ctx context.Context, r api.GetDriverRequestObject) (api.GetDriverResponseObject, error) {
	p, err := s.Fleet.Driver(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return api.GetDriver200JSONResponse(driver(&p)), nil
}

func (s *server) ZoneDrivers(ctx context.Context, r api.ZoneDriversRequestObject) (api.ZoneDriversResponseObject, error) {
	ps, err := s.Fleet.InZone(ctx, r.Zone, orDefault(r.Params.Limit, 1000))
	if err != nil {
		return nil, err
	}
	return api.ZoneDrivers200JSONResponse{Drivers: drivers(ps)}, nil
}

func (s *server) ListZones(ctx context.Context, _ api.ListZonesRequestObject) (api.ListZonesResponseObject, error) {
	sums, err := s.Fleet.ZoneSummaries(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.Zone, len(sums))
	for i, z := range sums {
		out[i] = api.Zone{Zone: z.Zone, Name: z.Name, Drivers: z.Drivers}
	}
	return api.ListZones200JSONResponse{Zones: out}, nil
}

func (s *server) GetTrack(ctx context.Context, r api.GetTrackRequestObject) (api.GetTrackResponseObject, error) {
	from, to, err := s.trackTimes(r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	track, err := geo.LoadTrack(ctx, s.Tracks, r.ID, from, to)
	if err != nil {
		return nil, err
	}
	switch r.Params.Format {
	case api.Geojson:
		return trackFile{"application/geo+json", track.WriteGeoJSON}, nil
	case api.Gpx:
		return trackFile{"application/gpx+xml", track.WriteGPX}, nil
	}
	out := api.GetTrack200JSONResponse{
		DriverID: track.DriverID, From: from, To: to, DistanceM: track.DistanceM, MockFixes: track.MockFixes(),
		Fixes: make([]api.TrackFix, len(track.Fixes)),
	}
	for i := range track.Fixes {
		f := &track.Fixes[i]
		out.Fixes[i] = api.TrackFix{TS: f.TS, Lat: f.Lat, Lon: f.Lon, SpeedMps: known(f.SpeedMPS), Mock: f.Mock}
	}
	return out, nil
}

// trackFile is a track in a format that package geo writes.
type trackFile struct {
	contentType string
	write       func(io.Writer) error
}

// VisitGetTrackResponse implements api.GetTrackResponseObject.
func (t trackFile) VisitGetTrackResponse(w http.ResponseWriter) error {
	var buf bytes.Buffer // so that an error is still a problem document
	if err := t.write(&buf); err != nil {
		return err
	}
	w.Header().Set("Content-Type", t.contentType)
	_, err := buf.WriteTo(w)
	return err
}

// trackTimes reads the bounds of a track, in ms.
func (s *server) trackTimes(fromText, toText string) (from, to int64, err error) {
	now := s.Now().UnixMilli()
	if to, err = parseTime(toText, now); err != nil {
		return 0, 0, problem.Invalid.WithField("to", err.Error())
	}
	if from, err = parseTime(fromText, to-defaultTrack.Milliseconds()); err != nil {
		return 0, 0, problem.Invalid.WithField("from", err.Error())
	}
	switch {
	case to < from:
		return 0, 0, problem.Invalid.WithField("to", "must not be before from")
	case to-from > maxTrack.Milliseconds():
		return 0, 0, problem.Invalid.WithField("from", fmt.Sprintf("must be at most %v before to", maxTrack))
	}
	return from, to, nil
}

var errTime = errors.New("must be milliseconds since 1970 or RFC 3339, such as 2026-01-31T18:30:00+05:30")

// parseTime reads milliseconds since 1970 or RFC 3339; "" is the fallback.
func parseTime(text string, fallback int64) (int64, error) {
	if text == "" {
		return fallback, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 && ms < 1e14 {
		return ms, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, errTime
	}
	return t.UnixMilli(), nil
}

func drivers(ps []geo.Position) []api.Driver {
	out := make([]api.Driver, len(ps))
	for i := range ps {
		out[i] = driver(&ps[i])
	}
	return out
}

func driver(p *geo.Position) api.Driver {
	return api.Driver{
		DriverID: p.DriverID, Lat: p.Lat, Lon: p.Lon, TS: p.TS, AgeMs: p.AgeMS, Zone: p.Zone, Stale: p.Stale, Mock: p.Mock, Busy: p.Busy,
		SpeedMps: known(p.SpeedMPS), BearingDeg: known(p.BearingDeg), AccuracyM: known(p.AccuracyM),
	}
}

// known leaves out a measure that the phone did not give.
func known(v float32) *float64 {
	if v < 0 {
		return nil
	}
	return hundredths(float64(v))
}

// hundredths is a measure to 0.01: no phone knows it better.
func hundredths(v float64) *float64 {
	v = math.Round(v*100) / 100
	return &v
}

// orDefault is v, or the default that the document gives for a parameter that was
// not sent; the document allows no zero in its place.
func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
