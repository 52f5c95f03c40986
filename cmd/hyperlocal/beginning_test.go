package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// The start's work is put off in its order while the database is gone, and tried until
// it is done; the log tells of each turn once.
func TestBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := beginning{log: slog.New(slog.NewTextHandler(&out, nil))}
		gone := fmt.Errorf("%w: no route", persist.ErrUnavailable)
		var fails atomic.Pointer[error]
		fail := func(err error) { fails.Store(&err) }
		fail(nil)
		var done []string
		work := func(name string) func(context.Context) error {
			return func(context.Context) error {
				err := *fails.Load()
				if err == nil {
					done = append(done, name)
				}
				return err
			}
		}
		require.NoError(t, b.do(t.Context(), work("at once")))
		damaged, newer := errors.New("damaged"), errors.New("newer schema")
		fail(damaged)
		require.ErrorIs(t, b.do(t.Context(), work("never")), damaged)
		require.NoError(t, b.undone())
		b.finish(t.Context())
		require.Empty(t, out.String())

		fail(gone)
		require.NoError(t, b.do(t.Context(), work("first")))
		fail(nil) // just now: what comes second still does
		require.NoError(t, b.do(t.Context(), work("second")))
		require.Equal(t, []string{"at once"}, done)
		require.ErrorIs(t, b.undone(), gone)

		fail(gone)
		finished := make(chan struct{})
		go func() { b.finish(t.Context()); close(finished) }()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		require.NotContains(t, out.String(), "ERROR")
		fail(newer)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.ErrorIs(t, b.undone(), newer)
		fail(nil)
		<-finished
		require.NoError(t, b.undone())
		require.Equal(t, []string{"at once", "first", "second"}, done)
		for _, once := range []string{"cannot be reached", "newer schema", "the database is there"} {
			require.Equal(t, 1, strings.Count(out.String(), once), "%s in:\n%s", once, out.String())
		}

		fail(gone)
		ctx, stop := context.WithCancel(t.Context())
		require.NoError(t, b.do(ctx, work("never")))
		stop()
		b.finish(ctx)
		require.ErrorIs(t, b.undone(), gone)
		require.Equal(t, 1, strings.Count(out.String(), "the database is there"))
	})
}
