package giveway

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTurn(t *testing.T) {
	for name, lane := range map[string]Lane{"a lane": NewLane(), "none": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if lane != nil {
					lane = NewLane() // of this test's time
				}
				began := time.Now()
				turn := lane.Begin()
				for range 14 {
					turn.Step(5)
				}
				require.Equal(t, 2*pause, time.Since(began))
				turn.End()
				lane.Pause()
				require.Equal(t, 4*pause, time.Since(began))
			})
		})
	}
}

func TestOneIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane, began := NewLane(), time.Now()
		var all sync.WaitGroup
		under := 0 // guarded by the lane, as the race detector sees
		for range 4 {
			all.Go(func() {
				turn := lane.Begin()
				defer turn.End()
				for range 99 {
					under++
					turn.Step(3)
				}
			})
		}
		all.Wait()
		require.Equal(t, 4*99, under)
		require.Equal(t, 4*(99/3+1)*pause, time.Since(began), "nobody sleeps at the same time")
	})
}
