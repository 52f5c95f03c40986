package geo

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// The rule for a fix that comes again. While its bucket is in the engine it is a
// duplicate. The driver's newest fix is one for as long as he is known. An older one
// whose bucket has been flushed is taken as late, and left out of its row if an earlier
// row has it.
func TestAFixThatComesAgain(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	older, newest := at("d", westLon, base), at("d", westLon, base+5000)
	record(t, b.Fleet, "aa", older, newest)
	record(t, b.Fleet, "dd", older, newest)

	rows := &store{}
	flusher := NewFlusher(b.Fleet, rows, FlushOptions{})
	require.NoError(t, flusher.FlushAll(t.Context(), true))
	require.Len(t, rows.rows, 1)
	record(t, b.Fleet, "ld", older, newest)
	record(t, b.Fleet, "d", older)
	require.NoError(t, flusher.FlushAll(t.Context(), true))
	require.Len(t, rows.rows, 1, "nothing is left for another row")

	// With one that is new, only that one is in the row.
	record(t, b.Fleet, "ll", older, at("d", westLon, base+2000))
	require.NoError(t, flusher.FlushAll(t.Context(), true))
	require.Equal(t, 3, heldFixes(rows))
	require.Equal(t, []int64{base, base + 2000, base + 5000}, rows.times(t, "d"), "each once")
	require.EqualValues(t, 3, flusher.Stats().Fixes)
	requireNoBuckets(t, b)
}

func heldFixes(s *store) (n int) {
	for _, r := range s.rows {
		n += r.Fixes
	}
	return n
}

// The parts of a bucket with some fixes in common, of which the database takes some and
// refuses others, written again and again by two servers: each fix stays in one row, and
// the rows are the same as if all had gone well.
func TestRepeatsAreLeftOutInAnyOrder(t *testing.T) {
	sent := func(t *testing.T, s *store, again int) map[rowKey]persist.TrackRow {
		b := newBed(t)
		servers := []*Flusher{NewFlusher(b.Fleet, s, FlushOptions{}), NewFlusher(b.server(), s, FlushOptions{})}
		b.clock.advance(20 * time.Second)
		record(t, b.Fleet, "a", at("d", westLon, base+20_000))
		for part := range 4 {
			for i := range 3 { // half of them are in the part before
				verdicts(t, b.Fleet, []Fix{at("d", westLon, base+int64(part*2+i)*1000), at("e", westLon, base+int64(part*2+i)*1000)})
			}
			b.clock.advance(40 * time.Second)
			for i := range again {
				_ = servers[i%2].FlushAll(t.Context(), false) // it may fail
			}
			require.NoError(t, servers[part%2].seal(t.Context(), newZoneKeys("west"), b.clock.ms))
		}
		s.fail = nil
		require.NoError(t, servers[0].FlushAll(t.Context(), false))
		requireNoBuckets(t, b)
		return s.rows
	}
	want := sent(t, &store{}, 1)
	for _, again := range []int{0, 2, 5} {
		for n := range 3 {
			s := &store{fail: func(write int) error {
				if write%(n+2) != 0 {
					return fmt.Errorf("write %d: %w", write, persist.ErrUnavailable)
				}
				return nil
			}}
			got := sent(t, s, again)
			require.Equal(t, 10+9, heldFixes(s), "again %d, every %d", again, n+2)
			require.Equal(t, want, got)
		}
	}
}

// A part is late if its bucket may have had another before; nothing else is.
func TestLateParts(t *testing.T) {
	b := newBed(t)
	fl := NewFlusher(b.Fleet, &store{}, FlushOptions{})
	k := newZoneKeys("west")
	next := func() (late []bool) {
		require.NoError(t, fl.seal(t.Context(), k, fl.closedAt(b.clock.ms)))
		all, err := fl.sealed(t.Context(), k)
		require.NoError(t, err)
		for _, s := range all {
			late = append(late, s.late)
			require.NoError(t, fl.forget(t.Context(), k, []string{s.member}))
		}
		return late
	}
	record(t, b.Fleet, "a", at("d", westLon, base))
	b.clock.advance(35 * time.Second)
	require.Equal(t, []bool{false}, next())
	record(t, b.Fleet, "la", at("d", westLon, base-1), at("d", westLon, base+34_000))
	require.Equal(t, []bool{true}, next(), "what came after its time")
	b.clock.advance(time.Hour)
	require.Equal(t, []bool{false}, next(), "a bucket that waited because no server ran is not late")

	// A replay of the past, in order, has nothing late; what comes between has.
	k = newZoneKeys("east")
	for i, minutes := range []int64{-50, -40, -30} {
		driver, ts := fmt.Sprint("replay", i), b.clock.ms+minutes*60_000
		if i == 0 {
			driver, ts = "now", b.clock.ms-10*60*60_000
		}
		record(t, b.Fleet, "a", at(driver, eastLon, ts))
		require.Equal(t, []bool{i == 0}, next(), "%d", i)
	}
	record(t, b.Fleet, "a", at("between", eastLon, b.clock.ms-35*60_000))
	require.Equal(t, []bool{true}, next())

	// In a zone that nobody knows, only what is new is not late.
	b, k = newBed(t), newZoneKeys("west")
	fl = NewFlusher(b.Fleet, &store{}, FlushOptions{})
	record(t, b.Fleet, "aa", at("e", westLon, b.clock.ms-300_000), at("e", westLon, b.clock.ms-60_000))
	require.Equal(t, []bool{true, false}, next())
}

// What opens a bucket again while its zone is being sealed makes a late part, too.
func TestLatePartsWhileSealing(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Hour)
	s := &store{}
	record(t, b.Fleet, "a", at("earlier", westLon, base-60_000))
	require.NoError(t, NewFlusher(b.Fleet, s, FlushOptions{}).FlushAll(t.Context(), false))
	record(t, b.Fleet, "aa", at("d", westLon, base+1000), at("d", westLon, base+2000))
	server := b.server()
	server.engine = &sealed{Engine: b.engine, then: func() { record(t, b.Fleet, "l", at("d", westLon, base+1000)) }}
	require.NoError(t, NewFlusher(server, s, FlushOptions{}).FlushAll(t.Context(), false))
	require.Equal(t, 1+2, heldFixes(s))
	requireNoBuckets(t, b)
}

// sealed is an engine that lets something happen after the first sealing.
type sealed struct {
	cache.Engine
	then func()
}

func (e *sealed) Durable(cache.Durability) cache.Engine { return e }

func (e *sealed) Run(ctx context.Context, s *cache.Script, keys, args []string) (cache.Value, error) {
	v, err := e.Engine.Run(ctx, s, keys, args)
	if do := e.then; s == sealScript && do != nil {
		e.then = nil
		do()
	}
	return v, err
}

// Of a bucket in the engine an earlier part comes first, whatever waits.
func TestALatePartGoesWithAnEarlierOne(t *testing.T) {
	b := newBed(t)
	fl := NewFlusher(b.Fleet, &store{}, FlushOptions{})
	old, now := base, base+10*60_000
	b.clock.ms = now
	waits, follows := newSealedBucket(old, old+40_000, false), newSealedBucket(old, now, true)
	alone, fresh := newSealedBucket(old+30_000, now, true), newSealedBucket(now-60_000, now-1000, false)
	new1, waited := fl.split([]sealedBucket{waits, follows, alone, fresh})
	require.Equal(t, []sealedBucket{alone, fresh}, new1)
	require.Equal(t, []sealedBucket{waits, follows}, waited)
	require.Equal(t, []sealedBucket{fresh, alone, waits, follows}, newestFirst(slices.Clone([]sealedBucket{waits, follows, alone, fresh})))
}

// A late part waits while an earlier one is in the files.
func TestLatePartsWaitForTheFiles(t *testing.T) {
	b := newBed(t)
	q := openSpill(t, t.TempDir(), 1<<20)
	defer q.Close()
	s := &store{}
	fl := NewFlusher(b.Fleet, s, FlushOptions{Spill: SpillOptions{Queue: q, WaitBytes: 1}})
	record(t, b.Fleet, "aa", at("d", westLon, base), at("d", westLon, base+4000))
	b.clock.advance(40 * time.Second)
	_ = fl.failed(persist.ErrUnavailable)
	require.NoError(t, fl.look(t.Context(), newZoneKeys("west")))
	require.EqualValues(t, 1, fl.Stats().Spilled)
	require.Equal(t, 10*time.Second, fl.Stats().Lag, "what is in files is not forgotten")

	record(t, b.Fleet, "ll", at("d", westLon, base), at("d", westLon, base+1000))
	require.NoError(t, fl.FlushAll(t.Context(), false))
	require.Empty(t, s.rows)
	for range 2 {
		_, err := fl.drainFiles(t.Context())
		require.NoError(t, err)
	}
	require.Zero(t, fl.Stats().Lag)
	require.NoError(t, fl.FlushAll(t.Context(), false))
	require.Equal(t, 3, heldFixes(s))
	require.Equal(t, []int64{base, base + 1000, base + 4000}, s.times(t, "d"))
	requireNoBuckets(t, b)
}
