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

// appendHours adds the hour of a row, and from some moment in the last ten minutes on the
// next one, too, in whose zone the driver will then most likely be. By the drivers' hashes
// these moments are all different: if each had the row with his first bucket of an hour,
// the flushes of half a minute would be twice as large.
func appendHours(hours []driverHour, r *persist.TrackRow) []driverHour {
	h := driverHour{r.DriverID, r.Zone, floor(r.BucketStart, hourMS)}
	hours = append(hours, h)
	if r.BucketStart >= h.hour+hourMS-slice(r.DriverID, aheadMS) {
		hours = append(hours, driverHour{h.driver, h.zone, h.hour + hourMS})
	}
	return hours
}

func (s *Store) tracksTable() table[persist.TrackRow] {
	partition := func(a, b *persist.TrackRow) int {
		return cmp.Or(
			cmp.Compare(a.Zone, b.Zone),
			cmp.Compare(floor(a.BucketStart, hourMS), floor(b.BucketStart, hourMS)),
			cmp.Compare(slice(a.DriverID, trackSlices), slice(b.DriverID, trackSlices)))
	}
	return table[persist.TrackRow]{
		insert: fmt.Sprintf(`INSERT INTO tracks (zone, slice, hour_start_ms, driver_id, bucket_start_ms, part, %s)`+
			` VALUES (?,?,?,?,?,?,?,?,?,?) USING TTL %d`, trackColumns, s.ttl),
		samePartition: func(a, b *persist.TrackRow) bool { return partition(a, b) == 0 },
		compare: func(a, b *persist.TrackRow) int {
			return cmp.Or(partition(a, b),
				cmp.Compare(a.DriverID, b.DriverID), cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.Part, b.Part))
		},
		bind: func(r *persist.TrackRow) []any {
			return []any{
				text{&r.Zone}, slice(r.DriverID, trackSlices), floor(r.BucketStart, hourMS), text{&r.DriverID}, r.BucketStart, r.Part,
				summary{r}, text{&r.Path}, text{&r.Times}, text{&r.Speeds},
			}
		},
		bytes: func(r *persist.TrackRow) int {
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

// WriteTracks writes the index rows that this server has not written lately,
// then the rows: a row is never there without a way to it.
func (s *Store) WriteTracks(ctx context.Context, rows []persist.TrackRow) error {
	var invalid error
	hours := make([]driverHour, 0, len(rows))
	var days []int64
	s.lane.Do(func(*giveway.Turn) {
		invalid = persist.ValidateAll(rows)
		for i := range rows {
			hours = appendHours(hours, &rows[i])
		}
		for _, h := range hours {
			if day := h.day(); len(days) == 0 || days[len(days)-1] != day {
				days = append(days, day) // missing takes each once
			}
		}
	})
	if invalid != nil {
		return fmt.Errorf("cassandra: write tracks: %w", invalid)
	}
	return s.call(ctx, "write tracks", func() error {
		timestamp := s.clock.now()
		if err := writeIndex(ctx, s, s.days, s.daysTable(), days, timestamp); err != nil {
			return err
		}
		if err := writeIndex(ctx, s, s.hours, s.hoursTable(), hours, timestamp); err != nil {
			return err
		}
		return write(ctx, s, s.tracksTable(), rows, timestamp)
	})
}

// writeIndex writes those of keys that are not in known, and adds them.
func writeIndex[K comparable](ctx context.Context, s *Store, known *seen[K], t table[K], keys []K, timestamp int64) error {
	missing := known.missing(keys)
	if err := write(ctx, s, t, missing, timestamp); err != nil {
		return err
	}
	known.add(missing)
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
