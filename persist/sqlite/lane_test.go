package sqlite

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

// Several that share a lane write, and somebody without one does, while the store is
// closed: each wait ends.
func TestCloseBesideALane(t *testing.T) {
	rows := make([]persist.TrackRow, 2*rowsPerStatement)
	for i := range rows {
		rows[i] = persist.TrackRow{DriverID: "d" + strconv.Itoa(i), Fixes: 1}
	}
	for range 10 {
		s, _ := openTrouble(t, Options{Lane: giveway.NewLane()})
		var writers sync.WaitGroup
		began := make(chan struct{}, 8)
		work := func(write func() error) {
			writers.Go(func() {
				for first := true; ; first = false {
					if err := write(); err != nil {
						require.ErrorIs(t, err, persist.ErrUnavailable)
						return
					}
					if first {
						began <- struct{}{}
					}
				}
			})
		}
		for range 4 {
			work(func() error { return s.WriteTracks(t.Context(), rows) })
			work(func() error { return s.AppendMovements(t.Context(), manyMovements(1)) })
		}
		for range cap(began) {
			<-began
		}
		closed := make(chan error)
		go func() {
			err := s.Close()
			writers.Wait()
			closed <- err
		}()
		select {
		case err := <-closed:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			t.Fatal("nobody goes on")
		}
	}
}
