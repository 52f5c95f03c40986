package openloop

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/procstat"
)

func TestWatch(t *testing.T) {
	_, err := newWatch([]int{os.Getpid(), 1 << 30})
	require.ErrorContains(t, err, "the server's process")

	w, err := newWatch([]int{os.Getpid()})
	require.NoError(t, err)
	require.Nil(t, w.server(10, 1), "nothing was seen")
	require.Nil(t, w.surroundings())
	w.sample(100)
	w.sample(300)
	s := w.server(10, 2)
	require.Positive(t, s.RSSBegin)
	require.InDelta(t, float64(s.RSSPeak)/10, s.BytesPerDriver, 1)
	require.EqualValues(t, 200, w.last-w.pings)
	both, err := newWatch([]int{os.Getpid(), os.Getpid()})
	require.NoError(t, err)
	both.sample(100)
	both.sample(200)
	require.Greater(t, both.server(10, 1).RSSPeak, s.RSSPeak*3/2, "the memory of both")

	// The seconds that the host took are told as a share, and the worst apart.
	w = &watch{}
	at := procstat.Machine{Busy: time.Hour}
	for _, second := range []procstat.Machine{{}, {Busy: time.Second}, {Busy: time.Second / 2, Steal: time.Second / 2}, {Idle: 2 * time.Second}} {
		at = procstat.Machine{Busy: at.Busy + second.Busy, Idle: at.Idle + second.Idle, Steal: at.Steal + second.Steal}
		w.machine(at)
	}
	require.Equal(t, &Machine{Idle: 0.5, Taken: 0.125, WorstSecond: 0.5}, w.surroundings())
}
