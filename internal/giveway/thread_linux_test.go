package giveway

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func nice(t *testing.T) int {
	v, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	require.NoError(t, err)
	return 20 - v // as the system call has it
}

// Of all threads only the lane's get a low priority, and threads that are made in
// a computation do not inherit it.
func TestOnlyTheLanesThreadsAreLow(t *testing.T) {
	usual := nice(t)
	lane := NewLane()
	for range 20 {
		lane.Do(func(*Turn) {
			require.Equal(t, max(usual, lowNice), nice(t))
			require.NotEqual(t, unix.Getpid(), unix.Gettid())
			var others sync.WaitGroup
			gate := make(chan struct{})
			for range 8 { // each holds a thread of its own until all have one
				others.Go(func() {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					<-gate
					require.Equal(t, usual, nice(t))
				})
			}
			close(gate)
			others.Wait()
		})
		require.Equal(t, usual, nice(t))
	}
}

func TestAddProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "7")
	AddProcessor()
	require.Equal(t, before, runtime.GOMAXPROCS(0))
	t.Setenv("GOMAXPROCS", "")
	AddProcessor()
	require.Equal(t, before+1, runtime.GOMAXPROCS(0))
}
