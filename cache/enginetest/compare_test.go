package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// The comparisons must be able to fail. Each fault below is a test that fails;
// it runs in a process of its own, and TestFaultsAreFound wants it to.
const faultEnv = "ENGINETEST_FAULT"

var faults = map[string]func(t *testing.T){
	"reply": func(t *testing.T) {
		compareScript(t, `return 1`, func(cache.Tx, []string, []string) cache.Value { return cache.Int(2) })
	},
	"kind of reply": func(t *testing.T) {
		compareScript(t, `return '1'`, func(cache.Tx, []string, []string) cache.Value { return cache.Int(1) })
	},
	"refusal": func(t *testing.T) {
		compareScript(t, `redis.call('SET', KEYS[1], 'x'); return redis.call('HLEN', KEYS[1])`,
			func(tx cache.Tx, keys, _ []string) cache.Value {
				tx.Set(keys[0], "x", 0)
				return cache.Int(0)
			})
	},
	"keys afterwards": func(t *testing.T) {
		compareScript(t, `redis.call('SET', KEYS[1], 'x')`, func(tx cache.Tx, keys, _ []string) cache.Value {
			tx.Set(keys[0], "y", 0)
			return cache.Value{}
		})
	},
	"a key not declared": func(t *testing.T) {
		compareScript(t, `redis.call('SET', KEYS[1] .. 'more', 'x')`,
			func(cache.Tx, []string, []string) cache.Value { return cache.Value{} })
	},
	"time to live": func(t *testing.T) {
		compareScript(t, `redis.call('SET', KEYS[1], 'x', 'PX', 60000)`, func(tx cache.Tx, keys, _ []string) cache.Value {
			tx.Set(keys[0], "x", 0)
			return cache.Value{}
		})
	},
	"a key without the tag": func(t *testing.T) {
		CompareTwins(t, echo, func(*rapid.T, string) ([]string, []string) { return []string{"elsewhere"}, nil }, Memory(t), Redis(t))
	},
	"a host that forgets": func(t *testing.T) { Compare(t, Memory(t), forgetful{Memory(t)}) },
}

func compareScript(t *testing.T, lua string, twin func(cache.Tx, []string, []string) cache.Value) {
	script := &cache.Script{Name: "fault", Lua: lua, Go: twin}
	CompareTwins(t, script, func(_ *rapid.T, tag string) ([]string, []string) { return []string{Key(tag, "k")}, nil }, Memory(t), Redis(t))
}

// forgetful does not set what has a time to live.
type forgetful struct{ cache.Engine }

func (f forgetful) Set(ctx context.Context, key, value string, opt cache.SetOptions) (bool, error) {
	if opt.TTL > 0 {
		return true, nil
	}
	return f.Engine.Set(ctx, key, value, opt)
}

func TestFaultsAreFound(t *testing.T) {
	if name := os.Getenv(faultEnv); name != "" {
		faults[name](t)
		return
	}
	Redis(t) // skips here rather than there
	for name := range faults {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaultsAreFound$", "-rapid.nofailfile", "-rapid.shrinktime=0s")
			cmd.Env = append(os.Environ(), faultEnv+"="+name)
			out, err := cmd.CombinedOutput()
			var failed *exec.ExitError
			require.True(t, errors.As(err, &failed), "the fault went unnoticed:\n%s", out)
			require.Contains(t, string(out), "FAIL: TestFaultsAreFound")
		})
	}
}

func TestSnapshotDiff(t *testing.T) {
	base := func() Snapshot {
		return Snapshot{
			"s": {Type: "string", TTL: time.Hour, String: "v"},
			"h": {Type: "hash", TTL: cache.NoTTL, Hash: map[string]string{"f": "v"}},
			"z": {Type: "zset", TTL: cache.NoTTL, Members: []cache.Member{{Name: "a", Score: 1}, {Name: "b", Score: 1}}},
			"x": {Type: "stream", TTL: cache.NoTTL, Entries: []cache.Entry{{ID: "1-1", Fields: fields("f", "v")}}},
		}
	}
	require.Empty(t, base().Diff(base()))
	require.Empty(t, Snapshot{}.Diff(nil))

	near := base()
	near["s"] = Item{Type: "string", TTL: time.Hour - ttlSlack, String: "v"}
	require.Empty(t, base().Diff(near))

	for name, change := range map[string]func(Snapshot){
		"one less":       func(s Snapshot) { delete(s, "h") },
		"one more":       func(s Snapshot) { s["n"] = Item{Type: "string"} },
		"time to live":   func(s Snapshot) { s["s"] = Item{Type: "string", TTL: time.Minute, String: "v"} },
		"none":           func(s Snapshot) { s["s"] = Item{Type: "string", TTL: cache.NoTTL, String: "v"} },
		"value":          func(s Snapshot) { s["s"] = Item{Type: "string", TTL: time.Hour, String: "w"} },
		"field":          func(s Snapshot) { s["h"].Hash["f"] = "w" },
		"order":          func(s Snapshot) { m := s["z"].Members; m[0], m[1] = m[1], m[0] },
		"score":          func(s Snapshot) { s["z"].Members[1].Score = 2 },
		"entry":          func(s Snapshot) { s["x"].Entries[0].ID = "1-2" },
		"field of entry": func(s Snapshot) { s["x"].Entries[0].Fields[0].Value = "w" },
	} {
		changed := base()
		change(changed)
		require.NotEmpty(t, base().Diff(changed), name)
		require.NotEmpty(t, changed.Diff(base()), name)
	}
}

func TestSameVerdict(t *testing.T) {
	wrong := fmt.Errorf("here: %w", cache.ErrWrongType)
	require.True(t, sameVerdict(nil, nil))
	require.True(t, sameVerdict(wrong, cache.ErrWrongType))
	require.True(t, sameVerdict(errors.New("one"), errors.New("other")))
	require.False(t, sameVerdict(nil, wrong))
	require.False(t, sameVerdict(wrong, cache.ErrNotInteger))
	require.False(t, sameVerdict(wrong, errors.New("other")))
}
