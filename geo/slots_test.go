package geo

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Who waits for a slot gets it in turn, and one beside another after a while only.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, began := newSlots(), time.Now()
		leave, err := s.enter(t.Context())
		require.NoError(t, err)
		time.AfterFunc(slotPatience/2, leave)
		leave, err = s.enter(t.Context())
		require.NoError(t, err)
		require.Equal(t, slotPatience/2, time.Since(began))

		for range zonesAtOnce - 1 {
			began = time.Now()
			_, err := s.enter(t.Context())
			require.NoError(t, err)
			require.Equal(t, slotPatience, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = s.enter(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, "of so many at once")
		leave()
		_, err = s.enter(t.Context())
		require.NoError(t, err)
	})
}
