//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// asCommand makes this test binary be the command: it starts itself to host our
// side, too.
const asCommand = "ENGINEBENCH_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run is the command with all sizes small.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, append([]string{
		"-members", "2000", "-rounds", "1", "-effort", "0.005", "-steady", (50 * time.Millisecond).String(),
	}, args...)...)
	// By default the race detector keeps each process for a second at its end.
	cmd.Env = append(os.Environ(), asCommand+"=1", "GORACE=atexit_sleep_ms=0")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	return out.String(), log.String(), err
}

// Every line is measured on each of its sides; what it finds at such sizes means
// nothing.
func TestEveryLine(t *testing.T) {
	testenv.Redis(t) // a machine without it has no redis-server to start either
	table, log, err := run(t)
	require.NoError(t, err, log)
	for _, m := range measurements(options{members: 2000}) {
		for _, r := range m.rows {
			require.Equal(t, len(m.journals), strings.Count(table, "\n"+r.title+" "), "%s\n%s", r.title, table)
		}
	}
	require.NotContains(t, table, "NaN")
}

func TestLineThatIsNotThere(t *testing.T) {
	_, log, err := run(t, "-lines", "nothing")
	require.Error(t, err)
	require.Contains(t, log, `no line matches "nothing"`)
}

func TestMedians(t *testing.T) {
	require.Equal(t, sample{"a": 2, "b": 7}, medians([]sample{{"a": 1, "b": 7}, {"a": 3}, {"a": 2}}))
}

func TestVerdicts(t *testing.T) {
	atMost := row{title: "at most", figure: "f", unit: "µs", bar: 2}
	atLeast := row{title: "at least", figure: "f", bar: 2, atLeast: true}
	shown := row{title: "shown", figure: "f"}
	for _, c := range []struct {
		row     row
		ours    float64
		verdict string
	}{
		{atMost, 1.9, "yes"}, {atMost, 2, "yes"}, {atMost, 2.1, "NO"},
		{atLeast, 1.9, "NO"}, {atLeast, 2, "yes"}, {atLeast, 2.1, "yes"},
		{shown, 5, ""},
	} {
		require.Equal(t, c.verdict, c.row.verdict(c.ours), "%s %v", c.row.title, c.ours)
	}
}
