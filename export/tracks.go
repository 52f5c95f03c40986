package export

import (
	"context"
	"io"
	"strconv"

	"hyperlocal/geo"
	"hyperlocal/persist"
)

// fix is a record of tracks. Of several fixes of a driver with one time there is
// the first that was recorded.
type fix struct {
	DriverID string   `json:"driver_id"`
	TS       int64    `json:"ts"`
	Lat      float64  `json:"lat"`
	Lon      float64  `json:"lon"`
	SpeedMPS *float64 `json:"speed_mps,omitempty"` // nil: the phone gave none
	Mock     bool     `json:"mock,omitempty"`      // an app made the position up
}

var fixColumns = []string{"driver_id", "ts", "lat", "lon", "speed_mps", "mock"}

func (f fix) row() []string {
	speed := ""
	if f.SpeedMPS != nil {
		speed = decimal(*f.SpeedMPS, 2)
	}
	return []string{f.DriverID, whole(f.TS), decimal(f.Lat, 5), decimal(f.Lon, 5), speed, strconv.FormatBool(f.Mock)}
}

func (e *exporter) fixes(ctx context.Context, put emit) error {
	return e.eachTrack(ctx, func(t geo.Track, done float64) error {
		for _, f := range t.Fixes {
			r := fix{DriverID: t.DriverID, TS: f.TS, Lat: f.Lat, Lon: f.Lon, Mock: f.Mock}
			if speed, ok := f.Speed(); ok {
				r.SpeedMPS = &speed
			}
			if err := put(r, done); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeFeatures writes a FeatureCollection with a line for each driver and
// stretch of time that is read at once.
func (e *exporter) writeFeatures(ctx context.Context, w io.Writer) error {
	if _, err := io.WriteString(w, `{"type":"FeatureCollection","features":[`); err != nil {
		return err
	}
	err := e.eachTrack(ctx, func(t geo.Track, done float64) error {
		if e.records > 0 {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		e.wrote(1, done)
		return t.WriteGeoJSON(w) // which ends the line
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "]}\n")
	return err
}

// eachTrack calls fn with the selected path of one driver after another; a driver
// comes again with later stretches.
func (e *exporter) eachTrack(ctx context.Context, fn func(geo.Track, float64) error) error {
	if e.sel.DriverID != "" {
		return e.eachDay(ctx, fn)
	}
	return e.db.ScanTracks(ctx, e.sel.From, e.sel.To, func(rows []persist.TrackRow, done float64) error {
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].DriverID == rows[0].DriverID {
				n++
			}
			if err := e.pass(rows[:n], e.sel.From, e.sel.To, done, fn); err != nil {
				return err
			}
			rows = rows[n:]
		}
		return nil
	})
}

const dayMS = 24 * 3_600_000

// eachDay asks for a single driver's rows, a day at a time.
func (e *exporter) eachDay(ctx context.Context, fn func(geo.Track, float64) error) error {
	for from := e.sel.From; from <= e.sel.To; from += dayMS {
		to := min(from+dayMS-1, e.sel.To)
		rows, err := e.db.TrackRows(ctx, e.sel.DriverID, from, to)
		if err != nil {
			return err
		}
		done := float64(from-e.sel.From) / float64(max(e.sel.To-e.sel.From, 1))
		if err := e.pass(rows, from, to, done, fn); err != nil {
			return err
		}
	}
	return nil
}

// pass makes a driver's rows into a path, without those of other zones.
func (e *exporter) pass(rows []persist.TrackRow, from, to int64, done float64, fn func(geo.Track, float64) error) error {
	var here []persist.TrackRow
	for _, r := range rows {
		if e.sel.Zone == "" || r.Zone == e.sel.Zone {
			here = append(here, r)
		}
	}
	if len(here) == 0 {
		return nil
	}
	t, err := geo.TrackOf(here[0].DriverID, from, to, here)
	if err != nil || len(t.Fixes) == 0 {
		return err
	}
	return fn(t, done)
}
