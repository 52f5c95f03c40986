package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// Features is what the suite must know of a host beyond the contract.
type Features struct {
	// Advance lets d pass for the engine's clock: a step of a clock that the
	// test holds, or a wait. The suite asks for milliseconds.
	Advance func(d time.Duration)
	// SubscriptionBuffer is how many unread messages a subscription keeps at
	// most before it drops some. Small is quicker to fill.
	SubscriptionBuffer int
	// OneTag says that the host refuses every operation on keys of several tags,
	// except those that the contract lets it split: a Cluster does.
	OneTag bool
	// NoScripts says that the host runs no scripts: the groups Scripts,
	// ScriptErrors and RunAll, and what else needs one, are left out. A host
	// that stands behind a wire on which no Lua is understood is such a one.
	NoScripts bool
}

// Factory opens one engine. The suite calls it for each test and closes what it
// gets; the data behind several engines may be the same or not.
type Factory func(t testing.TB) (cache.Engine, Features)

// Run checks a host against the contract of cache.Engine.
func Run(t *testing.T, open Factory) {
	groups := []struct {
		name string
		test func(t *testing.T, h *host)
	}{
		{"Keys", testKeys},
		{"Expiry", testExpiry},
		{"ExpireConditions", testExpireConditions},
		{"Scan", testScan},
		{"Strings", testStrings},
		{"Hashes", testHashes},
		{"Lists", testLists},
		{"Sets", testSets},
		{"HyperLogLogs", testHyperLogLogs},
		{"SortedSets", testSortedSets},
		{"ScoreConditions", testScoreConditions},
		{"ScoreRanges", testScoreRanges},
		{"Ranks", testRanks},
		{"GeoScores", testGeoScores},
		{"GeoMembers", testGeoMembers},
		{"GeoSearch", testGeoSearch},
		{"Streams", testStreams},
		{"StreamIDs", testStreamIDs},
		{"StreamRead", testStreamRead},
		{"StreamWait", testStreamWait},
		{"Types", testTypes},
		{"Bytes", testBytes},
		{"Scripts", testScripts},
		{"ScriptErrors", testScriptErrors},
		{"RunAll", testRunAll},
		{"PubSub", testPubSub},
		{"Subscriptions", testSubscriptions},
		{"Lost", testLost},
		{"Concurrency", testConcurrency},
		{"Linear", testLinear},
		{"Engine", testEngine},
		{"Close", testClose},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { g.test(t, newHost(t, open)) })
	}
}

// host is an engine under test, with a tag for its keys.
type host struct {
	cache.Engine
	Features
	tag string
	ctx context.Context
}

func newHost(t *testing.T, open Factory) *host {
	t.Helper()
	e, f := open(t)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return &host{Engine: e, Features: f, tag: Tag(t, e), ctx: t.Context()}
}

// needScripts leaves a test out on a host without scripts.
func (h *host) needScripts(t *testing.T) {
	t.Helper()
	if h.NoScripts {
		t.Skip("the host has no scripts")
	}
}

// key returns a key of the test's own.
func (h *host) key(name string) string { return Key(h.tag, name) }

// sub is the host with a tag of its own for a part of a test.
func (h *host) sub(t *testing.T) *host {
	own := *h
	own.tag = Tag(t, h.Engine)
	return &own
}

// got and missing are what a lookup answers.
func got(s string) cache.Optional { return cache.Optional{Str: s, OK: true} }

var missing = cache.Optional{}

// must returns a call's value and fails the test on its error:
// must(e.HLen(ctx, key))(t).
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// fields makes pairs of names and values into fields.
func fields(pairs ...string) []cache.Field {
	fs := make([]cache.Field, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		fs = append(fs, cache.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return fs
}
