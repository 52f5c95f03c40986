package memory

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	clock := newTestClock()
	opt := Options{Dir: dir, Now: clock.now}
	e := open(t, opt)
	fill(t, e, 300)
	want := state(t, e)
	require.NoError(t, e.Close())

	e = open(t, opt)
	require.Equal(t, want, state(t, e))
	require.NoError(t, e.journal.compact())
	require.NoError(t, e.Close())

	e = open(t, opt)
	require.Equal(t, want, state(t, e))
	id, err := e.XAdd(ctx, "stream:3", "1699999999000-*", cache.Trim{}, cache.Field{Name: "after", Value: "trim"})
	require.ErrorIs(t, err, cache.ErrStreamID, "a stream's last id outlives a restart, got %s", id)
}

// fill writes something of each type, n times over.
func fill(t testing.TB, e *Engine, n int) {
	t.Helper()
	for i := range n {
		k := strconv.Itoa(i % 17)
		v := strconv.Itoa(i)
		_, err := e.Set(ctx, "string:"+k, v, cache.SetOptions{TTL: time.Duration(i%3) * time.Hour})
		require.NoError(t, err)
		_, err = e.HSet(ctx, "hash:"+k, cache.Field{Name: v, Value: "x\x00\xff" + v}, cache.Field{Name: "n", Value: v})
		require.NoError(t, err)
		_, err = e.HIncrBy(ctx, "hash:"+k, "n", int64(i))
		require.NoError(t, err)
		_, err = e.ZAdd(ctx, "zset:"+k, cache.Member{Name: v, Score: float64(i) / 3})
		require.NoError(t, err)
		_, err = e.GeoAdd(ctx, "geo:"+k, cache.GeoMember{Name: v, Lat: float64(i % 80), Lon: float64(i % 170)})
		require.NoError(t, err)
		_, err = e.XAdd(ctx, "stream:"+k, "*", cache.Trim{MaxLen: i % 5}, cache.Field{Name: "f", Value: v}, cache.Field{Name: "f", Value: ""})
		require.NoError(t, err)
		_, err = e.RPush(ctx, "list:"+k, v, "x\x00\xff"+v)
		require.NoError(t, err)
		_, err = e.LPush(ctx, "list:"+k, v)
		require.NoError(t, err)
		_, err = e.RPop(ctx, "list:"+k, 1)
		require.NoError(t, err)
		_, err = e.SAdd(ctx, "set:"+k, v, "n")
		require.NoError(t, err)
		_, err = e.SRem(ctx, "set:"+k, "n")
		require.NoError(t, err)
		if i%5 == 0 {
			_, err = e.Run(ctx, renameScript, []string{"set:" + k, "renamed:{set:" + k + "}"}, nil)
			require.NoError(t, err)
		}
		if i%11 == 0 {
			_, err = e.PFAdd(ctx, "hll:"+k, v)
			require.NoError(t, err)
			_, err = e.Del(ctx, "zset:"+k, "hash:"+k, "missing")
			require.NoError(t, err)
		}
	}
	_, err := e.XTrim(ctx, "stream:3", cache.Trim{MinID: "9999999999999"})
	require.NoError(t, err)
}

// What a reopened engine holds is what it held, whatever was done, with
// compactions, expiries and changes of type in between.
func TestReopenAfterRandomOperations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(rt, err)
		clock := newTestClock()
		opt := Options{Dir: dir, Now: clock.now, Logger: slog.New(slog.DiscardHandler)}
		e, err := Open(opt)
		require.NoError(rt, err)
		defer func() { e.Close() }()

		keys := rapid.SampledFrom([]string{"a", "b", "c{t}", "d{t}", "e"})
		names := rapid.SampledFrom([]string{"", "x", "y", "z"})
		numbers := rapid.IntRange(-3, 3)
		field := func() cache.Field { return cache.Field{Name: names.Draw(rt, "f"), Value: names.Draw(rt, "v")} }
		reopen := func() error {
			want := state(t, e)
			require.NoError(rt, e.Close())
			e, err = Open(opt)
			require.NoError(rt, err)
			require.Equal(rt, want, state(t, e))
			return nil
		}
		ops := map[string]func(k string) error{
			"set": func(k string) error {
				ttl := time.Duration(rapid.IntRange(0, 3).Draw(rt, "ttl")) * time.Second
				return second(e.Set(ctx, k, names.Draw(rt, "v"), cache.SetOptions{TTL: ttl}))
			},
			"set, keeping": func(k string) error { return second(e.Set(ctx, k, "kept", cache.SetOptions{KeepTTL: true})) },
			"getex": func(k string) error {
				return second(e.GetEx(ctx, k, cache.GetOptions{TTL: time.Duration(rapid.IntRange(0, 3).Draw(rt, "ttl")) * time.Second}))
			},
			"getdel": func(k string) error { return second(e.GetDel(ctx, k)) },
			"mset": func(k string) error {
				return e.MSet(ctx, cache.Field{Name: k, Value: names.Draw(rt, "v")}, cache.Field{Name: "e"})
			},
			"incr":    func(k string) error { return second(e.IncrBy(ctx, k, int64(numbers.Draw(rt, "by")))) },
			"hset":    func(k string) error { return second(e.HSet(ctx, k, field(), field())) },
			"hincr":   func(k string) error { return second(e.HIncrBy(ctx, k, names.Draw(rt, "f"), 1)) },
			"hdel":    func(k string) error { return second(e.HDel(ctx, k, names.Draw(rt, "f"), names.Draw(rt, "f"))) },
			"lpush":   func(k string) error { return second(e.LPush(ctx, k, names.Draw(rt, "v"), names.Draw(rt, "v"))) },
			"rpush":   func(k string) error { return second(e.RPush(ctx, k, names.Draw(rt, "v"), names.Draw(rt, "v"))) },
			"lpop":    func(k string) error { return second(e.LPop(ctx, k, 1)) },
			"rpop":    func(k string) error { return second(e.RPop(ctx, k, 1)) },
			"ltrim":   func(k string) error { return e.LTrim(ctx, k, 1, -2) },
			"sadd":    func(k string) error { return second(e.SAdd(ctx, k, names.Draw(rt, "m"), names.Draw(rt, "m"))) },
			"srem":    func(k string) error { return second(e.SRem(ctx, k, names.Draw(rt, "m"))) },
			"pfadd":   func(k string) error { return second(e.PFAdd(ctx, k, names.Draw(rt, "m"))) },
			"pfmerge": func(k string) error { return e.PFMerge(ctx, k, keys.Draw(rt, "source")) },
			"zadd": func(k string) error {
				return second(e.ZAdd(ctx, k, cache.Member{Name: names.Draw(rt, "m"), Score: float64(numbers.Draw(rt, "s"))}))
			},
			"zrem": func(k string) error { return second(e.ZRem(ctx, k, names.Draw(rt, "m"))) },
			"zaddif": func(k string) error {
				opt := cache.ZAddOptions{XX: rapid.Bool().Draw(rt, "xx"), GT: rapid.Bool().Draw(rt, "gt")}
				return second(e.ZAddIf(ctx, k, opt, cache.Member{Name: names.Draw(rt, "m"), Score: float64(numbers.Draw(rt, "s"))},
					cache.Member{Name: names.Draw(rt, "m"), Score: float64(numbers.Draw(rt, "s"))}))
			},
			"zincr": func(k string) error {
				_, _, err := e.ZIncrBy(ctx, k, names.Draw(rt, "m"), float64(numbers.Draw(rt, "by")), cache.ZAddOptions{})
				return err
			},
			"zcut": func(k string) error {
				return second(e.ZRemRangeByScore(ctx, k, cache.ScoreRange{Min: float64(numbers.Draw(rt, "min")), Max: 3, MinOpen: true}))
			},
			"zkeep": func(k string) error { return second(e.ZRemRangeByRank(ctx, k, 0, int64(numbers.Draw(rt, "stop")))) },
			"xadd": func(k string) error {
				return second(e.XAdd(ctx, k, "*", cache.Trim{MaxLen: rapid.IntRange(0, 3).Draw(rt, "max")}, field()))
			},
			"xtrim": func(k string) error {
				return second(e.XTrim(ctx, k, cache.Trim{MinID: strconv.FormatInt(clock.now().UnixMilli(), 10)}))
			},
			"del": func(k string) error { return second(e.Del(ctx, k, "e")) },
			"expire": func(k string) error {
				return second(e.Expire(ctx, k, time.Duration(numbers.Draw(rt, "s"))*time.Second, 0))
			},
			"expireat": func(k string) error {
				return second(e.ExpireAt(ctx, k, clock.now().Add(time.Duration(numbers.Draw(rt, "s"))*time.Second), cache.ExpireXX))
			},
			"persist": func(k string) error { return second(e.Persist(ctx, k)) },
			"script": func(string) error {
				return second(e.Run(ctx, moveScript, []string{"c{t}", "d{t}"}, []string{names.Draw(rt, "f")}))
			},
			"rename": func(string) error {
				pair := rapid.Permutation([]string{"c{t}", "d{t}"}).Draw(rt, "pair")
				return second(e.Run(ctx, renameScript, pair, nil))
			},
			"time":    func(string) error { clock.advance(700 * time.Millisecond); return nil },
			"collect": func(string) error { e.expireSome(); return nil },
			"compact": func(string) error { return e.journal.compact() },
			"reopen":  func(string) error { return reopen() },
		}
		actions := make(map[string]func(*rapid.T))
		for name, op := range ops {
			actions[name] = func(*rapid.T) {
				err := op(keys.Draw(rt, "key"))
				refused := errors.Is(err, cache.ErrWrongType) || errors.Is(err, cache.ErrNotInteger) ||
					errors.Is(err, cache.ErrNotHLL) || errors.Is(err, errOnPurpose)
				require.True(rt, err == nil || refused, "%v", err)
			}
		}
		rt.Repeat(actions)
		_ = reopen()
	})
}

func second[T any](_ T, err error) error { return err }

var errOnPurpose = errors.New("on purpose")

// moveScript moves a field from one hash to another, then may fail.
var moveScript = &cache.Script{Name: "move", Go: func(tx cache.Tx, keys, args []string) cache.Value {
	if v := tx.HGet(keys[0], args[0]); v.OK {
		tx.HDel(keys[0], args[0])
		tx.HSet(keys[1], args[0], v.Str)
		return cache.Int(1)
	}
	if args[0] == "z" {
		tx.HSet(keys[1], "before", "the failure")
		panic(errOnPurpose)
	}
	return cache.Int(0)
}}

func TestDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	require.ErrorIs(t, err, ErrDirInUse)
	require.ErrorContains(t, err, dir)
	require.NoError(t, e.Close())
	open(t, Options{Dir: dir})
}

// While one fsync runs, many writers gather for the next.
func TestGroupCommit(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	before := d.syncCount()
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	d.set(func(d *testDisk) { d.gate, d.entered = gate, entered })

	const writers = 64
	var wg sync.WaitGroup
	write := func(i int) {
		wg.Go(func() {
			n, err := always(e).HIncrBy(ctx, fmt.Sprint("h", i), "f", 1)
			if err != nil || n != 1 {
				t.Errorf("writer %d: %d, %v", i, n, err)
			}
		})
	}
	write(0)
	<-entered // the first fsync has begun and does not end
	seq := e.journal.seq
	for i := range writers {
		write(i + 1)
	}
	require.Eventually(t, func() bool {
		e.journal.mu.Lock()
		defer e.journal.mu.Unlock()
		return e.journal.seq == seq+writers
	}, 10*time.Second, time.Millisecond)
	d.set(func(d *testDisk) { d.gate = nil })
	close(gate)
	wg.Wait()
	require.Equal(t, before+2, d.syncCount(), "one fsync for the first, one for all others")
}

// EverySecond does not wait for the disk; Ephemeral never reaches it.
func TestDurabilityOfEachWrite(t *testing.T) {
	dir := t.TempDir()
	d := newTestDisk()
	e := open(t, Options{Dir: dir, disk: d})
	before := d.syncCount()
	_, err := e.HSet(ctx, "h", cache.Field{Name: "lazy", Value: "1"})
	require.NoError(t, err)
	_, err = e.Durable(cache.Ephemeral).HSet(ctx, "h", cache.Field{Name: "fleeting", Value: "1"})
	require.NoError(t, err)
	require.Equal(t, before, d.syncCount())
	_, err = always(e).HSet(ctx, "h", cache.Field{Name: "firm", Value: "1"})
	require.NoError(t, err)

	crashed := open(t, Options{Dir: crash(t, e)})
	fields, err := crashed.HGetAll(ctx, "h")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"lazy": "1", "firm": "1"}, fields)
}

// An ephemeral removal must not let what was there before join what is
// journaled after it.
func TestEphemeralRemovalIsJournaled(t *testing.T) {
	dir := t.TempDir()
	clock := newTestClock()
	opt := Options{Dir: dir, Now: clock.now}
	e := open(t, opt)
	fleeting := e.Durable(cache.Ephemeral)
	for _, k := range []string{"deleted", "emptied", "retyped", "expired"} {
		_, err := e.HSet(ctx, k, cache.Field{Name: "old", Value: "1"})
		require.NoError(t, err)
	}
	_, err := e.Expire(ctx, "expired", time.Second, 0)
	require.NoError(t, err)
	clock.advance(2 * time.Second)

	_, err = fleeting.Del(ctx, "deleted")
	require.NoError(t, err)
	_, err = fleeting.HDel(ctx, "emptied", "old")
	require.NoError(t, err)
	_, err = fleeting.Set(ctx, "retyped", "text", cache.SetOptions{})
	require.NoError(t, err)
	_, err = fleeting.Del(ctx, "retyped")
	require.NoError(t, err)
	_, err = fleeting.HSet(ctx, "expired", cache.Field{Name: "fleeting"})
	require.NoError(t, err)
	for _, k := range []string{"deleted", "emptied", "retyped", "expired"} {
		_, err := always(e).ZAdd(ctx, k+"2", cache.Member{Name: "m"})
		require.NoError(t, err)
		_, err = always(e).HSet(ctx, k, cache.Field{Name: "new", Value: "1"})
		require.NoError(t, err)
	}

	opt.Dir = crash(t, e)
	crashed := open(t, opt)
	for _, k := range []string{"deleted", "emptied", "retyped", "expired"} {
		fields, err := crashed.HGetAll(ctx, k)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"new": "1"}, fields, k)
	}
}

// Whoever asks for Always and finds that another has done the work already
// must not be told so before that is on disk.
func TestAlwaysWaitsForWhatItSaw(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	before := d.syncCount()
	_, err := e.Set(ctx, "done", "1", cache.SetOptions{})
	require.NoError(t, err)
	require.Equal(t, before, d.syncCount())
	wrote, err := always(e).Set(ctx, "done", "2", cache.SetOptions{NX: true})
	require.NoError(t, err)
	require.False(t, wrote)
	require.Equal(t, before+1, d.syncCount())
	_, err = always(e).Set(ctx, "done", "2", cache.SetOptions{NX: true})
	require.NoError(t, err)
	require.Equal(t, before+1, d.syncCount(), "it is on disk by now")
}

// RunAll waits once.
func TestRunAllSharesAnFsync(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	d.set(func(d *testDisk) { d.gate, d.entered = gate, entered })
	calls := make([]cache.Call, 100)
	for i := range calls {
		calls[i] = cache.Call{Script: moveScript, Keys: []string{fmt.Sprint("k", i)}, Args: []string{"f"}}
		_, err := e.HSet(ctx, calls[i].Keys[0], cache.Field{Name: "f"})
		require.NoError(t, err)
		calls[i].Keys = append(calls[i].Keys, calls[i].Keys[0])
	}
	sequence := func() uint64 {
		e.journal.mu.Lock()
		defer e.journal.mu.Unlock()
		return e.journal.seq
	}
	start := sequence()
	results := make(chan []cache.Result)
	go func() { results <- always(e).RunAll(ctx, calls) }()
	<-entered
	// The first fsync waits until all calls have run, so one more is enough.
	require.Eventually(t, func() bool { return sequence() == start+uint64(len(calls)) }, 10*time.Second, time.Millisecond)
	before := d.syncCount()
	d.set(func(d *testDisk) { d.gate = nil })
	close(gate)
	for _, r := range <-results {
		require.NoError(t, r.Err)
		require.Equal(t, cache.Int(1), r.Value)
	}
	require.LessOrEqual(t, d.syncCount(), before+1)
}

// Nothing is removed before what replaces it is on disk, name and content.
func TestCompactionStepByStep(t *testing.T) {
	d := newTestDisk()
	e := open(t, Options{Dir: t.TempDir(), disk: d})
	_, err := always(e).IncrBy(ctx, "n", 1)
	require.NoError(t, err)
	_, err = e.IncrBy(ctx, "n", 1)
	require.NoError(t, err)
	d.set(func(d *testDisk) { d.steps = nil })
	require.NoError(t, e.journal.compact())
	one, two := "journal-0000000000000001.log", "journal-0000000000000002.log"
	snapshot := "snapshot-0000000000000002.snap"
	require.Equal(t, []string{
		"sync " + one, "sync " + two, "sync names",
		"sync " + snapshot + ".tmp", "rename to " + snapshot, "sync names",
		"remove " + one,
	}, d.steps)
}

var errDisk = errors.New("input/output error")

// While a compaction runs the log is still too long, and every write says so. What is
// left of that afterwards is no reason for another.
func TestCompactsOnce(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for range 3 { // there is room for one that waits: the first has been taken then
		e.journal.shrink <- struct{}{}
	}
	require.NoError(t, e.Close())
	l, err := listDir(dir)
	require.NoError(t, err)
	require.Empty(t, l.snapshots)
}
