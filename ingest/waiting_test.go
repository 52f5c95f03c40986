package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/geo"
)

// engineRecorder records ids in order, unless err says otherwise.
type engineRecorder struct {
	mu       sync.Mutex
	err      error
	recorded []string
}

func (r *engineRecorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *engineRecorder) Record(_ context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	outcomes := make([]geo.Outcome, len(fixes))
	for i := range fixes {
		r.recorded = append(r.recorded, fixes[i].DriverID)
		outcomes[i].Verdict = geo.Accepted
	}
	return outcomes, nil
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &engineRecorder{}
		var told atomic.Int64
		const room = 3000
		w := NewWaiting(engine, room*(fixSize+4), slog.New(slog.DiscardHandler))
		w.Tell(func(outcomes []geo.Outcome) { told.Add(int64(len(outcomes))) })
		go w.Run(t.Context())
		var want []string
		send := func(n int) (geo.Verdict, error) {
			fixes := make([]geo.Fix, n)
			for i := range fixes {
				fixes[i].DriverID = fmt.Sprintf("%04d", len(want)+i)
			}
			outcomes, err := w.Record(t.Context(), fixes)
			if err != nil {
				return 0, err
			}
			require.Len(t, outcomes, n)
			for _, f := range fixes {
				want = append(want, f.DriverID)
			}
			return outcomes[n-1].Verdict, nil
		}
		v, err := send(1)
		require.NoError(t, err)
		require.Equal(t, geo.Accepted, v)

		engine.fail(fmt.Errorf("down: %w", cache.ErrUnavailable))
		v, err = send(room - 1)
		require.NoError(t, err)
		require.Equal(t, geo.Waiting, v)
		_, err = send(2)
		require.ErrorIs(t, err, cache.ErrUnavailable, "there is room for one")
		time.Sleep(time.Second)
		require.Positive(t, w.Bytes())
		require.Zero(t, told.Load())

		engine.fail(nil)
		v, err = send(1)
		require.NoError(t, err)
		require.Equal(t, geo.Waiting, v, "behind the others")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, w.Bytes())
		require.Equal(t, want, engine.recorded)
		require.EqualValues(t, room, told.Load())

		refusal := errors.New("not an outage")
		engine.fail(refusal)
		_, err = send(1)
		require.ErrorIs(t, err, refusal)
		engine.fail(cache.ErrUnavailable)
		_, err = send(1)
		require.NoError(t, err)
		require.ErrorContains(t, w.Finish(t.Context()), "1 pings waited")
		engine.fail(errors.New("refused for good"))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, w.Bytes(), "others would wait behind it for ever")
		require.NoError(t, w.Finish(t.Context()))
	})
}
