package geo

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
)

func geoMember(name string, lat, lon float64) cache.GeoMember {
	return cache.GeoMember{Name: name, Lat: lat, Lon: lon}
}

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	ms int64
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.UnixMilli(c.ms)
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ms = now.UnixMilli()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ms += d.Milliseconds()
}

// hosts are the engines that a whole fleet is tested on.
var hosts = map[string]func(testing.TB) cache.Engine{
	"memory": func(t testing.TB) cache.Engine { return enginetest.Memory(t) },
	"redis":  redisForFleets,
}

// redisForFleets opens a numbered database of the real server that only this
// package uses, since the keys of a fleet carry the tags of real zones. It is
// empty before and after the test.
func redisForFleets(t testing.TB) cache.Engine {
	t.Helper()
	e, err := redis.Open(t.Context(), "redis://"+testenv.Redis(t)+"/11", redis.Options{})
	require.NoError(t, err)
	empty := func() {
		ctx := context.Background()
		for cursor := ""; ; {
			keys, next, err := e.Scan(ctx, cursor, "*", 1000)
			require.NoError(t, err)
			if len(keys) > 0 {
				_, err = e.Del(ctx, keys...)
				require.NoError(t, err)
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	}
	empty()
	t.Cleanup(func() {
		empty()
		require.NoError(t, e.Close())
	})
	return e
}

// twoZones are two halves of a square around 12.97, 77.59, west and east of
// that meridian.
func twoZones(t testing.TB) *Zones {
	t.Helper()
	z, err := LoadZones(strings.NewReader(collection(
		feature(`{"id":"west"}`, `{"type":"Polygon","coordinates":[[[77.5,12.9],[77.59,12.9],[77.59,13.1],[77.5,13.1],[77.5,12.9]]]}`),
		feature(`{"id":"east"}`, `{"type":"Polygon","coordinates":[[[77.59,12.9],[77.7,12.9],[77.7,13.1],[77.59,13.1],[77.59,12.9]]]}`),
	)))
	require.NoError(t, err)
	return z
}

// bed is a fleet on the memory engine, with a clock that starts at base.
type bed struct {
	*Fleet
	clock  *clock
	engine cache.Engine
	zones  *Zones
}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{clock: &clock{ms: base}, engine: enginetest.Memory(t), zones: twoZones(t)}
	b.Fleet = b.server()
	return b
}

// server returns another server's fleet on the same engine.
func (b *bed) server() *Fleet {
	return NewFleet(b.engine, b.zones, FleetOptions{Now: b.clock.now})
}

const (
	westLon = 77.589
	eastLon = 77.591 // 217 m further
)

func at(driver string, lon float64, ts int64) Fix {
	return Fix{DriverID: driver, Lat: 12.97, Lon: lon, TS: ts, AccuracyM: Unknown, SpeedMPS: Unknown, BearingDeg: Unknown, Battery: Unknown}
}

// record requires verdicts, written as the first letters of their names; an a may be
// a stationary one.
func record(t testing.TB, f *Fleet, want string, fixes ...Fix) {
	t.Helper()
	require.Equal(t, want, verdicts(t, f, fixes))
}

func verdicts(t testing.TB, f *Fleet, fixes []Fix) string {
	t.Helper()
	outcomes, err := f.Record(t.Context(), fixes)
	require.NoError(t, err)
	require.Len(t, outcomes, len(fixes))
	var letters strings.Builder
	for _, o := range outcomes {
		letters.WriteByte(map[Verdict]byte{Accepted: 'a', Late: 'l', Duplicate: 'd', Future: 'f', Implausible: 'i', Stationary: 'a', Invalid: 'x'}[o.Verdict])
		require.Equal(t, o.Verdict.Joined(), o.Field == "", "%+v", o)
	}
	return letters.String()
}

// store keeps rows as a database would, and fails when told to.
type store struct {
	mu     sync.Mutex
	rows   map[rowKey]persist.TrackRow
	writes int
	fail   func(write int) error
	wrote  func(rows []persist.TrackRow) // or nil
}

type rowKey struct {
	driver, zone string
	bucket, part int64
}

var _ persist.Tracks = (*store)(nil)

func (s *store) WriteTracks(_ context.Context, rows []persist.TrackRow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.rows == nil {
		s.rows = map[rowKey]persist.TrackRow{}
	}
	var err error
	if s.fail != nil {
		err = s.fail(s.writes)
	}
	for i, r := range rows {
		if err != nil && i >= len(rows)/2 {
			break // a failure may leave some rows written
		}
		if err := r.Validate(); err != nil {
			return err
		}
		s.rows[rowKey{r.DriverID, r.Zone, r.BucketStart, r.Part}] = r
	}
	if err == nil && s.wrote != nil {
		s.wrote(rows)
	}
	return err
}

func (s *store) writeCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *store) TrackRows(_ context.Context, driverID string, from, to int64) ([]persist.TrackRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []persist.TrackRow
	for _, r := range s.rows {
		if r.DriverID == driverID && r.LastTS >= from && r.FirstTS <= to {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b persist.TrackRow) int {
		return int(a.BucketStart-b.BucketStart)*10 + strings.Compare(a.Zone, b.Zone)
	})
	return out, nil
}

func (s *store) BucketRows(_ context.Context, zone string, start int64, driverID string) ([]persist.TrackRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []persist.TrackRow
	for _, r := range s.rows {
		if r.DriverID == driverID && r.Zone == zone && r.BucketStart == start {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b persist.TrackRow) int { return int(a.Part - b.Part) })
	return out, nil
}

// times returns the times of a driver's whole track.
func (s *store) times(t testing.TB, driver string) []int64 {
	t.Helper()
	track, err := LoadTrack(t.Context(), s, driver, 0, 1<<60)
	require.NoError(t, err)
	var out []int64
	for _, f := range track.Fixes {
		out = append(out, f.TS)
	}
	return out
}
