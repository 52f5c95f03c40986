package cassandra

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gocql/gocql"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

const (
	hourMS = 3_600_000
	dayMS  = 24 * hourMS

	// trackSlices and indexSlices are part of the tables' keys and can never
	// change. docs/database.md derives them.
	trackSlices = 32
	indexSlices = 128

	// indexLife is how long an index row is taken as written. Each row of
	// tracks is then found through an index row at most this much older, which
	// must outlive it: indexSlack is added to the index's time to live.
	// With two hours, what is written for an hour in the last minutes of the one before
	// is known until half an hour after its end.
	indexLife  = 2 * time.Hour
	indexSlack = indexLife + time.Hour
	// aheadMS before an hour is when the first drivers get their index rows of it, ms.
	aheadMS = 600_000

	// fewDays is how many days are looked up without asking which exist.
	fewDays = 8
)

const trackColumns = `summary, path, times, speeds`

// driverHour is a row of driver_hours.
type driverHour struct {
	driver string
	zone   string
	hour   int64
}

func (h driverHour) day() int64   { return floor(h.hour, dayMS) }
func (h driverHour) slice() int64 { return slice(h.driver, indexSlices) }

// slice spreads ids evenly; it must give the same for ever.
func slice(id string, of uint64) int64 { return int64(xxhash.Sum64String(id) % of) }

// floor rounds ms down to a multiple of unit.
func floor(ms, unit int64) int64 {
	rest := ms % unit
	if rest < 0 {
		rest += unit
	}
	return ms - rest
}

// placedTrack is a row of tracks and what its partition has beside its zone.
type placedTrack struct {
	*persist.TrackRow
	hour, slice int64
}

func placed(r *persist.TrackRow) placedTrack {
	return placedTrack{r, floor(r.BucketStart, hourMS), slice(r.DriverID, trackSlices)}
}

func (r *placedTrack) driverHour() driverHour { return driverHour{r.DriverID, r.Zone, r.hour} }

// appendHours adds the hour of a row, and from some moment in the last ten minutes on the
// next one, too, in whose zone the driver will then most likely be. By the drivers' hashes
// these moments are all different: if each had the row with his first bucket of an hour,
// the flushes of half a minute would be twice as large.
func appendHours(hours []driverHour, r *placedTrack) []driverHour {
	h := r.driverHour()
	hours = append(hours, h)
	if next := r.hour + hourMS; r.BucketStart >= next-slice(r.DriverID, aheadMS) {
		h.hour = next
		hours = append(hours, h)
	}
	return hours
}

func (s *Store) tracksTable() table[placedTrack] {
	partition := func(a, b *placedTrack) int {
		if a.Zone != b.Zone {
			return cmp.Compare(a.Zone, b.Zone)
		}
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.slice, b.slice))
	}
	return table[placedTrack]{
		insert: fmt.Sprintf(`INSERT INTO tracks (zone, slice, hour_start_ms, driver_id, bucket_start_ms, part, %s)`+
			` VALUES (?,?,?,?,?,?,?,?,?,?) USING TTL %d`, trackColumns, s.ttl),
		samePartition: func(a, b *placedTrack) bool { return partition(a, b) == 0 },
		compare: func(a, b *placedTrack) int {
			if order := partition(a, b); order != 0 {
				return order
			}
			return cmp.Or(cmp.Compare(a.DriverID, b.DriverID), cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.Part, b.Part))
		},
		bind: func(r *placedTrack) []any {
			return []any{
				text{&r.Zone}, r.slice, r.hour, text{&r.DriverID}, r.BucketStart, r.Part,
				summary{r.TrackRow}, text{&r.Path}, text{&r.Times}, text{&r.Speeds},
			}
		},
		bytes: func(r *placedTrack) int {
			const numbers = 152
			return numbers + len(r.DriverID) + len(r.Path) + len(r.Times) + len(r.Speeds)
		},
	}
}

func (s *Store) hoursTable() table[driverHour] {
	return table[driverHour]{
		insert: fmt.Sprintf(`INSERT INTO driver_hours (day_start_ms, slice, driver_id, hour_start_ms, zone)`+
			` VALUES (?,?,?,?,?) USING TTL %d`, s.indexTTL()),
		samePartition: func(a, b *driverHour) bool { return a.day() == b.day() && a.slice() == b.slice() },
		compare: func(a, b *driverHour) int {
			return cmp.Or(cmp.Compare(a.day(), b.day()), cmp.Compare(a.slice(), b.slice()),
				cmp.Compare(a.driver, b.driver), cmp.Compare(a.hour, b.hour), cmp.Compare(a.zone, b.zone))
		},
		bind: func(h *driverHour) []any {
			return []any{h.day(), h.slice(), text{&h.driver}, h.hour, text{&h.zone}}
		},
		bytes: func(h *driverHour) int { return 40 + len(h.driver) + len(h.zone) },
	}
}

func (s *Store) daysTable() table[int64] {
	return table[int64]{
		insert:        fmt.Sprintf(`INSERT INTO track_days (everyone, day_start_ms) VALUES (?,?) USING TTL %d`, s.indexTTL()),
		samePartition: func(_, _ *int64) bool { return true },
		compare:       func(a, b *int64) int { return cmp.Compare(*a, *b) },
		bind:          func(day *int64) []any { return []any{everything, *day} },
		bytes:         func(*int64) int { return 20 },
	}
}

func (s *Store) indexTTL() int {
	if s.ttl == 0 {
		return 0
	}
	return s.ttl + int(indexSlack.Seconds())
}

// trackWrites are the rows of a call, and the index rows that lead to them and that this
// server has not written lately.
type trackWrites struct {
	days   []int64
	hours  []driverHour
	tracks []piece
}

func (s *Store) prepareTracks(turn *giveway.Turn, rows []persist.TrackRow) (w trackWrites, err error) {
	if err := persist.ValidateAll(rows); err != nil {
		return w, err
	}
	tracks := make([]placedTrack, len(rows))
	hours := make([]driverHour, 0, len(rows))
	var days []int64
	for i := range rows {
		turn.Step(rowsPerStep)
		tracks[i] = placed(&rows[i])
		hours = appendHours(hours, &tracks[i])
	}
	for _, h := range hours {
		if day := h.day(); len(days) == 0 || days[len(days)-1] != day {
			days = append(days, day)
		}
	}
	return trackWrites{s.days.missing(turn, days), s.hours.missing(turn, hours), s.tracksTable().pieces(turn, tracks)}, nil
}

// WriteTracks writes the index rows that this server has not written lately,
// then the rows: a row is never there without a way to it.
func (s *Store) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	var w trackWrites
	var invalid error
	s.lane.Do(func(turn *giveway.Turn) { w, invalid = s.prepareTracks(turn, rows) })
	if invalid != nil {
		return fmt.Errorf("cassandra: write tracks: %w", invalid)
	}
	return s.call(ctx, "write tracks", func() error {
		timestamp := s.clock.now()
		if err := writeIndex(ctx, s, s.days, s.daysTable(), w.days, timestamp); err != nil {
			return err
		}
		if err := writeIndex(ctx, s, s.hours, s.hoursTable(), w.hours, timestamp); err != nil {
			return err
		}
		return s.sendAll(ctx, w.tracks, timestamp)
	})
}

// writeIndex writes keys, and adds them to those that are known to be written.
func writeIndex[K comparable](ctx context.Context, s *Store, known *seen[K], t table[K], keys []K, timestamp int64) error {
	if err := write(ctx, s, t, keys, timestamp); err != nil {
		return err
	}
	known.add(keys)
	return nil
}

// TrackRows looks up in which hours and zones the driver was, and then reads a
// stretch of one partition for each: for a day's work some 10 to 20 requests.
func (s *Store) TrackRows(ctx context.Context, driverID string, from, to int64) (rows []persist.TrackRow, err error) {
	err = s.call(ctx, "track rows", func() error {
		rows, err = s.trackRows(ctx, driverID, from, to)
		return err
	})
	return rows, err
}

func (s *Store) trackRows(ctx context.Context, driverID string, from, to int64) ([]persist.TrackRow, error) {
	earliest, latest := bucketStarts(from, to)
	if driverID == "" || from > to {
		return nil, nil
	}
	days, err := s.trackDays(ctx, floor(earliest, dayMS), floor(latest, dayMS))
	if err != nil {
		return nil, err
	}
	hours, err := each(ctx, days, func(ctx context.Context, day int64) ([]driverHour, error) {
		return collect(ctx, s, func(row gocql.Scanner, h *driverHour) error {
			h.driver = driverID
			return row.Scan(&h.hour, &h.zone)
		}, `SELECT hour_start_ms, zone FROM driver_hours
			WHERE day_start_ms = ? AND slice = ? AND driver_id = ? AND hour_start_ms >= ? AND hour_start_ms <= ?`,
			day, slice(driverID, indexSlices), driverID, floor(earliest, hourMS), floor(latest, hourMS))
	})
	if err != nil {
		return nil, err
	}
	rows, err := s.rowsOfAll(ctx, slices.Concat(hours...), from, to)
	if len(rows) == 0 {
		return nil, err
	}
	return rows, nil
}

// BucketRows reads a stretch of one partition.
func (s *Store) BucketRows(ctx context.Context, zone string, bucketStart int64, driverID string) (rows []persist.TrackRow, err error) {
	err = s.call(ctx, "bucket rows", func() error {
		rows, err = s.rowsOf(ctx, driverHour{driverID, zone, floor(bucketStart, hourMS)}, bucketStart, bucketStart)
		return err
	})
	return rows, err
}

// bucketStarts returns when buckets start that hold fixes from from to to.
func bucketStarts(from, to int64) (earliest, latest int64) {
	// A row's fixes are less than MaxBucketMS after its start. No bucket
	// starts as far out as these limits.
	const farOut = math.MaxInt64 / 4
	return max(from, -farOut) - persist.MaxBucketMS, min(to, farOut)
}

// rowsOf returns a driver's rows of an hour and zone whose buckets start from
// earliest to latest.
func (s *Store) rowsOf(ctx context.Context, h driverHour, earliest, latest int64) ([]persist.TrackRow, error) {
	return collect(ctx, s, func(row gocql.Scanner, r *persist.TrackRow) error {
		r.DriverID, r.Zone = h.driver, h.zone
		return row.Scan(&r.BucketStart, &r.Part, summary{r}, &r.Path, &r.Times, &r.Speeds)
	}, `SELECT bucket_start_ms, part, `+trackColumns+` FROM tracks
		WHERE zone = ? AND slice = ? AND hour_start_ms = ? AND driver_id = ? AND bucket_start_ms >= ? AND bucket_start_ms <= ?`,
		h.zone, slice(h.driver, trackSlices), h.hour, h.driver, earliest, latest)
}

// trackDays returns the days from first to last, each by its start; if they
// are many, only those that have rows.
func (s *Store) trackDays(ctx context.Context, first, last int64) ([]int64, error) {
	if (last-first)/dayMS >= fewDays {
		return collect(ctx, s, func(row gocql.Scanner, day *int64) error { return row.Scan(day) },
			`SELECT day_start_ms FROM track_days WHERE everyone = ? AND day_start_ms >= ? AND day_start_ms <= ?`, everything, first, last)
	}
	var days []int64
	for day := first; day <= last; day += dayMS {
		days = append(days, day)
	}
	return days, nil
}
