package memory

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func run(e cache.Engine, twin func(tx cache.Tx)) error {
	_, err := e.Run(ctx, &cache.Script{Name: "test", Go: func(tx cache.Tx, _, _ []string) cache.Value {
		twin(tx)
		return cache.Int(1)
	}}, []string{"k{t}"}, nil)
	return err
}

// However a twin ends, the shard is free again and what the twin wrote is
// journaled as much as it is visible.
func TestTwinsThatEndBadly(t *testing.T) {
	ends := map[string]func(e *Engine, write func(tx cache.Tx)) error{
		"panic": func(e *Engine, write func(tx cache.Tx)) error {
			return run(always(e), func(tx cache.Tx) { write(tx); panic("on purpose") })
		},
		"error": func(e *Engine, write func(tx cache.Tx)) error {
			return run(always(e), func(tx cache.Tx) { write(tx); tx.Get("k{t}"); write(tx) })
		},
		"exit of the goroutine": func(e *Engine, write func(tx cache.Tx)) error {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = run(always(e), func(tx cache.Tx) { write(tx); runtime.Goexit() })
			}()
			<-done
			return cache.ErrWrongType // nobody is left to say it
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			e := open(t, Options{Dir: t.TempDir()})
			err := end(e, func(tx cache.Tx) { tx.HIncrBy("k{t}", "n", 1) })
			require.Error(t, err)
			n, err := e.HIncrBy(ctx, "k{t}", "n", 0)
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			e.journal.flush(true)
			crashed := open(t, Options{Dir: crash(t, e)})
			require.Equal(t, state(t, e), state(t, crashed))
		})
	}
}

func TestTxRefusesOtherTags(t *testing.T) {
	e := open(t, Options{})
	err := run(e, func(tx cache.Tx) {
		tx.HSet("other{tag}", "f", "v")
		require.ErrorIs(t, tx.Err(), cache.ErrCrossSlot)
		tx.HSet("k{t}", "f", "v")
	})
	require.ErrorIs(t, err, cache.ErrCrossSlot)
	require.Empty(t, state(t, e), "after an error nothing is done")
}

func TestTxIsOverAfterTheCall(t *testing.T) {
	e := open(t, Options{})
	var kept cache.Tx
	require.NoError(t, run(e, func(tx cache.Tx) { kept = tx }))
	require.False(t, kept.HSet("k{t}", "f", "v"))
	require.Error(t, kept.Err())
	require.Empty(t, state(t, e))
}
