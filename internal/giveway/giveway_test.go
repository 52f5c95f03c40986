package giveway

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// work takes a tenth of a slice.
func work() { time.Sleep(slice / 10) }

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		newLane(time.Sleep).Do(func(turn *Turn) {
			for range 39 {
				work()
				turn.Step(2)
			}
			require.Equal(t, 39*(slice/10)+3*pause, time.Since(began))
			work()
		})
		require.Equal(t, 40*(slice/10)+4*pause, time.Since(began))
	})
}

func TestNoLane(t *testing.T) {
	var lane *Lane
	steps := 0
	lane.Do(func(turn *Turn) {
		for ; steps < 10; steps++ {
			time.Sleep(slice)
			turn.Step(1)
		}
	})
	require.Equal(t, 10, steps)
}

// What several short turns have done counts together.
func TestShortTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane, began := newLane(time.Sleep), time.Now()
		for range 6 {
			lane.Do(func(*Turn) { work() })
		}
		lane.Did(slice * 3 / 10)
		require.Equal(t, 6*(slice/10), time.Since(began))
		lane.Did(slice / 10)
		require.Equal(t, 6*(slice/10)+pause, time.Since(began))
	})
}

// Others compute while one waits, and its wait is no work.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane, began := newLane(time.Sleep), time.Now()
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				lane.Do(func(turn *Turn) {
					work()
					turn.Wait(func() { time.Sleep(20 * slice) })
					work()
				})
			})
		}
		all.Wait()
		require.Equal(t, 20*slice+3*(slice/10), time.Since(began))
	})
}

func TestNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var turn *Turn
		turn.Step(1)
		turn.Wait(func() {})
		(*Lane)(nil).Did(time.Hour)
		require.Zero(t, time.Since(began))
	})
}

func TestOneIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane, began := newLane(time.Sleep), time.Now()
		var all sync.WaitGroup
		under := 0 // guarded by the lane, as the race detector sees
		for range 4 {
			all.Go(func() {
				lane.Do(func(turn *Turn) {
					for range 100 {
						under++
						work()
						turn.Step(1)
					}
				})
			})
		}
		all.Wait()
		require.Equal(t, 400, under)
		require.Equal(t, 400*(slice/10)+40*pause, time.Since(began), "nobody works or sleeps at the same time")
	})
}
