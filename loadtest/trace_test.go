package loadtest

import (
	"compress/gzip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const header = "trace,t_rel_s,x_m,y_m,label\n"

// recorded are the real traces that the demo moves its partners along.
func recorded(t testing.TB) []Trace {
	t.Helper()
	f, err := os.Open("../demo/data/movement/goal_traces.csv.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	traces, err := LoadTraces(z)
	require.NoError(t, err)
	return traces
}

func TestLoadTracesRecorded(t *testing.T) {
	traces := recorded(t)
	require.Len(t, traces, 600)
	require.Equal(t, "0000", traces[0].ID)
	require.Equal(t, TraceFix{0, -182.87, 89.66}, traces[0].Fixes[0])
	require.Equal(t, TraceFix{5007 * time.Millisecond, -153.67, 55.35}, traces[0].Fixes[1])
	fixes := 0
	for _, tr := range traces {
		fixes += len(tr.Fixes)
		require.Greater(t, tr.Duration(), 5*time.Minute, tr.ID)
	}
	require.Equal(t, 43200, fixes)
}

func TestLoadTracesErrors(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"empty":            {"", "the file is empty"},
		"header only":      {header, "no rows after the header"},
		"other header":     {"trace,t,x,y,label\n", "line 1: the header is"},
		"missing column":   {header + "a,0,0,0\n", "line 2"},
		"not a number":     {header + "a,0,0,0,W\na,5,east,0,W\n", `line 3: x_m: "east" is not a number`},
		"NaN":              {header + "a,0,0,NaN,W\n", "line 2: y_m: NaN is not within"},
		"infinite":         {header + "a,0,0,0,W\na,+Inf,0,0,W\n", "line 3: t_rel_s"},
		"far away":         {header + "a,0,1e7,0,W\n", "line 2: x_m"},
		"no id":            {header + ",0,0,0,W\n", "line 2: trace: empty"},
		"begins late":      {header + "a,1,0,0,W\n", `line 2: t_rel_s: trace "a" begins at 1, want 0`},
		"time stands":      {header + "a,0,0,0,W\na,5,0,0,W\na,5,1,1,W\n", "line 4: t_rel_s: 5 does not come after 5"},
		"time goes back":   {header + "a,0,0,0,W\na,5,0,0,W\na,4,1,1,W\n", "line 4: t_rel_s: 4 does not come after 5"},
		"one fix":          {header + "a,0,0,0,W\nb,0,0,0,W\n", `line 3: trace "a" ends after one fix`},
		"one fix, the end": {header + "a,0,0,0,W\n", `trace "a" ends after one fix`},
		"interleaved":      {header + "a,0,0,0,W\na,1,0,0,W\nb,0,0,0,W\nb,1,0,0,W\na,2,0,0,W\n", `line 6: trace: "a" goes on after other traces`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadTraces(strings.NewReader(tc.file))
			require.ErrorIs(t, err, ErrTraces)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func FuzzLoadTraces(f *testing.F) {
	f.Add(header + "a,0,0,0,W\na,5.007,-1.5,2e2,W\nb,0,1,1,\nb,0.1,1,1,\n")
	f.Add(header + "a,0,0,0,W\na,1e-10,0,0,W\n")
	f.Add(header + "\"a\nb\",-0,0,0,W\n")
	f.Fuzz(func(t *testing.T, file string) {
		traces, err := LoadTraces(strings.NewReader(file))
		if err != nil {
			require.ErrorIs(t, err, ErrTraces)
			return
		}
		// What was read can be walked along.
		for _, tr := range traces {
			require.GreaterOrEqual(t, len(tr.Fixes), 2)
			require.Zero(t, tr.Fixes[0].At)
			for i := 1; i < len(tr.Fixes); i++ {
				require.Greater(t, tr.Fixes[i].At, tr.Fixes[i-1].At)
			}
		}
		_, err = NewFleet(FleetConfig{Partners: 3, Traces: traces, Anchors: []Anchor{{}}})
		require.NoError(t, err)
	})
}
