package giveway

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		turn := Begin()
		for range 14 {
			turn.Step(5)
		}
		require.Equal(t, 2*pause, time.Since(began))
		turn.End()
		require.Equal(t, 3*pause, time.Since(began))
	})
}

func TestOneIsUnderWay(t *testing.T) {
	var all sync.WaitGroup
	under := 0 // guarded by the lane, as the race detector sees
	for range 4 {
		all.Go(func() {
			turn := Begin()
			defer turn.End()
			for range 100 {
				under++
				turn.Step(3)
			}
		})
	}
	all.Wait()
	require.Equal(t, 400, under)
}
