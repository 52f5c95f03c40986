package openloop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/ingest"
)

// What the plan calls new, repeated and late is that, by the rule that phones are
// judged by.
func TestPlanKnowsItsVerdicts(t *testing.T) {
	p := countryPlan(t, JSON)
	p.Drivers, p.groups, p.Tunnels, p.Duplicates, p.Disorder = 1000, 10, 0.3, 0.3, 0.3
	newest, times := map[int]int64{}, map[[2]int64]bool{}
	var kinds [numKinds]int
	for batch := range 40 * p.groups {
		p.each(batch, func(f fix, k kind) {
			key := [2]int64{int64(f.driver), f.ts}
			want := fresh
			switch {
			case times[key]:
				want = repeat
			case f.ts < newest[f.driver]:
				want = late
			}
			require.Equal(t, want, k, "batch %d, %+v", batch, f)
			times[key], newest[f.driver] = true, max(newest[f.driver], f.ts)
			require.LessOrEqual(t, f.ts, p.due(batch).UnixMilli(), "nothing is sent before it is measured")
			kinds[k]++
		})
	}
	require.InDelta(t, 1000*40, kinds[fresh], 2000, "what is held back is sent later")
	require.Greater(t, kinds[repeat], 1000)
	require.Greater(t, kinds[late], 1000)
}

// Every fix of a driver can be reached from the one before.
func TestMovementIsPlausible(t *testing.T) {
	p := countryPlan(t, JSON)
	for driver := 0; driver < p.Drivers; driver += 10_007 {
		for round := range 200 {
			a, b := p.fix(driver, 0, round), p.fix(driver, 0, round+1)
			metres := max(abs(a.latE7-b.latE7), abs(a.lonE7-b.lonE7)) / 1e7 * metresPerDegree
			require.Less(t, metres, 40*p.Interval.Seconds())
			require.GreaterOrEqual(t, a.speedCMPS, int32(0))
			require.True(t, a.bearingDecD >= 0 && a.bearingDecD < 3600)
		}
	}
	_, ok := LineRoute([][2]float64{{77.5, 12.9}, {77.5, 12.9}})
	require.False(t, ok)
	r, ok := LineRoute([][2]float64{{77.5, 12.9}, {77.5, 12.91}, {77.51, 12.91}})
	require.True(t, ok)
	require.InDelta(t, 12.9+40*lineSpeedMPS/metresPerDegree, float64(r.at(40*time.Second).latE7)/1e7, 1e-6)
}

func abs(v int32) float64 { return max(float64(v), -float64(v)) }

// The bodies are what the server reads.
func TestBodies(t *testing.T) {
	p := countryPlan(t, JSON)
	p.Batch, p.groups = 3, p.Drivers/3
	for _, protocol := range Protocols {
		if protocol == OwnTracks || protocol == OsmAnd {
			continue // TestApps
		}
		p.Protocol = protocol
		b := newBody(p)
		text := b.fill(5)
		require.Equal(t, 3, b.pings)
		if protocol == Gzip {
			text = b.text
		}
		var pings []ingest.Ping
		var err error
		if strings.Contains(string(protocol), "protobuf") {
			pings, err = ingest.DecodeProtobuf(nil, text, 10)
		} else {
			pings, err = ingest.Decode(nil, text, protocol == NDJSON, 10)
		}
		require.NoError(t, err, protocol)
		require.Len(t, pings, 3)
		for i, ping := range pings {
			want := p.fix(15+i, 5, 0)
			require.True(t, ping.OK)
			require.Equal(t, p.id(15+i), ping.Fix.DriverID)
			require.InDelta(t, float64(want.latE7)/1e7, ping.Fix.Lat, 1e-9)
			require.InDelta(t, float64(want.lonE7)/1e7, ping.Fix.Lon, 1e-9)
			require.Equal(t, want.ts, ping.Fix.TS)
			require.InDelta(t, float32(want.accuracyDM)/10, ping.Fix.AccuracyM, 1e-4)
		}
	}
	require.Equal(t, "-0.0000012 12.9 -7.00", fmt.Sprintf("%s %s %s", appendDecimal(nil, -12, 7), appendDecimal(nil, 129, 1), appendDecimal(nil, -700, 2)))
}

// liar is a server that judges rightly, and then lets lie change what it says.
type liar struct {
	mu     sync.Mutex
	newest map[string]int64
	counts map[string]int64
	calls  int
	lie    func(call int, verdicts map[string]int64)
	stall  func(call int) time.Duration
	answer func(http.ResponseWriter) // instead of judging; or nil
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" {
		l.mu.Lock()
		defer l.mu.Unlock()
		for v, n := range l.counts {
			fmt.Fprintf(w, "hyperlocal_pings_total{verdict=%q} %d\n", v, n)
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	if l.answer != nil {
		l.answer(w)
		return
	}
	pings, _ := ingest.Decode(nil, body, false, 1000)
	l.mu.Lock()
	verdicts := map[string]int64{}
	for _, p := range pings {
		verdict := "accepted"
		switch newest := l.newest[p.Fix.DriverID]; {
		case p.Fix.TS == newest:
			verdict = "duplicate"
		case p.Fix.TS < newest:
			verdict = "late"
		default:
			l.newest[p.Fix.DriverID] = p.Fix.TS
		}
		verdicts[verdict]++
		l.counts[verdict]++
	}
	l.calls++
	call := l.calls
	l.mu.Unlock()
	if l.lie != nil {
		l.lie(call, verdicts)
	}
	if l.stall != nil {
		time.Sleep(l.stall(call))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"verdicts": verdicts})
}

// load runs a short load against a liar.
func load(t *testing.T, l *liar, change func(*Config)) *Report {
	t.Helper()
	l.newest, l.counts = map[string]int64{}, map[string]int64{"accepted": 0, "duplicate": 0, "late": 0, "invalid": 0}
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	c := countryPlan(t, JSON).Config
	c.URL, c.Drivers, c.Batch, c.Connections = srv.URL, 200, 10, 4
	c.Interval, c.Duration = 100*time.Millisecond, 900*time.Millisecond
	c.Tunnels, c.Duplicates, c.Disorder = 0.2, 0.2, 0.2
	if change != nil {
		change(&c)
	}
	r, err := Run(t.Context(), c, func(Progress) {})
	require.NoError(t, err)
	return r
}

func TestAccountIsComplete(t *testing.T) {
	r := load(t, &liar{}, nil)
	require.Empty(t, r.Problems)
	require.Greater(t, r.Account.Sent[repeat], int64(10))
	require.Greater(t, r.Account.Sent[late], int64(10))
	require.Equal(t, r.Account.Sent.total(), r.Account.Verdicts["accepted"]+r.Account.Verdicts["duplicate"]+r.Account.Verdicts["late"])
	var text strings.Builder
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "nothing missing, nothing invented")
	r.Exceeds(99, time.Nanosecond)
	require.Len(t, r.Problems, 1)
	require.Positive(t, r.Rate)
	last := r.Distribution[len(r.Distribution)-1]
	require.EqualValues(t, 1, last.Quantile)
	require.EqualValues(t, 9*20, last.Batches, "every batch that has pings")
	require.InDelta(t, r.Latency["max"], last.MS, r.Latency["max"]/100)
}

// The rate is that of the pings that count: those due after the warm-up.
func TestWarmupHasNoPlaceInTheRate(t *testing.T) {
	r := load(t, &liar{}, func(c *Config) { c.Warmup, c.Tunnels, c.Duplicates, c.Disorder = 600*time.Millisecond, 0, 0, 0 })
	require.InDelta(t, 200*9, r.Rate*r.Seconds, 1)
	require.EqualValues(t, 200*15, r.Account.Sent.total())
}

func TestLiesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		lie  func(call int, v map[string]int64)
		says string
	}{
		"loses one":      {func(call int, v map[string]int64) { drop(call, v, "accepted", -1) }, "have the verdict accepted or stationary"},
		"invents one":    {func(call int, v map[string]int64) { drop(call, v, "accepted", 1) }, "have the verdict accepted or stationary"},
		"doubles a late": {func(call int, v map[string]int64) { drop(call, v, "late", 1) }, "late pings were sent"},
		"refuses one": {func(call int, v map[string]int64) {
			drop(call, v, "accepted", -1)
			drop(call, v, "implausible", 1)
		}, "1 pings have the verdict implausible, and none should"},
		"loses one, invents one elsewhere": {func(call int, v map[string]int64) {
			drop(call, v, "accepted", -1)
			drop(call-1, v, "accepted", 1)
		}, "2 answers do not have the verdicts of what was sent"},
		"counts another": {func(call int, v map[string]int64) { drop(call, v, "duplicate", -1) }, "the server counted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := load(t, &liar{lie: c.lie}, nil)
			require.Contains(t, strings.Join(r.Problems, "; "), c.says)
		})
	}
}

func drop(call int, v map[string]int64, verdict string, by int64) {
	if call == 50 {
		v[verdict] += by
	}
}

// A server that stands still for a while has not only kept one batch waiting, but all
// that were due meanwhile.
func TestAStallIsNotHidden(t *testing.T) {
	var once sync.Once
	r := load(t, &liar{stall: func(call int) (d time.Duration) {
		if call > 40 {
			once.Do(func() { d = 300 * time.Millisecond })
		}
		return d
	}}, func(c *Config) { c.Connections = 1 })
	require.Empty(t, r.Problems)
	require.Greater(t, r.Latency["p90"], 100.0, "a third of the time, and not one batch of 180")
	require.GreaterOrEqual(t, r.Latency["max"], 300.0)
}

// What cannot be sent in time is not forgotten.
func TestWhatIsNotSentIsAProblem(t *testing.T) {
	r := load(t, &liar{stall: func(int) time.Duration { return 100 * time.Millisecond }}, func(c *Config) {
		c.Connections, c.Grace = 1, 200*time.Millisecond
	})
	require.Greater(t, r.Account.Unsent, int64(100))
	require.Contains(t, strings.Join(r.Problems, "; "), "not sent in time")
}

func TestErrorsAreProblems(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.Error(w, "go away", http.StatusTooManyRequests)
		}
	}))
	defer srv.Close()
	r := load(t, &liar{}, func(c *Config) { c.URL = srv.URL })
	require.Positive(t, r.Account.Errors)
	require.Contains(t, r.Failures[0], "go away")
	require.Len(t, r.Failures, 5)
}

func TestConfigRefuses(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"not the URL": func(c *Config) { c.URL = "localhost:8080" },
		"protocol":    func(c *Config) { c.Protocol = "carrier pigeon" },
		"drivers":     func(c *Config) { c.Drivers = 0 },
		"batches":     func(c *Config) { c.Batch = 1001 },
		"connections": func(c *Config) { c.Connections = 0 },
		"interval":    func(c *Config) { c.Interval = 0 },
		"duration":    func(c *Config) { c.Duration = 0 },
		"acknowledge": func(c *Config) { c.AckEvery = 2 },
		"followers":   func(c *Config) { c.Followers = -1 },
		"shares":      func(c *Config) { c.Tunnels = 1.1 },
		"no routes":   func(c *Config) { c.Routes = nil },
	} {
		c := countryPlan(t, JSON).Config
		change(&c)
		_, err := Run(t.Context(), c, nil)
		require.ErrorContains(t, err, says)
	}
}
