package giveway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var w Work
		for range 14 {
			w.Step(5)
		}
		require.Equal(t, 2*pause, time.Since(began))
	})
}
