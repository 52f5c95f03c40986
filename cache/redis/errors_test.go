package redis

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func TestFail(t *testing.T) {
	require.NoError(t, fail("GET", "k", nil))

	err := fail("GET", "k", io.EOF)
	require.ErrorIs(t, err, cache.ErrUnavailable)
	require.ErrorIs(t, err, io.EOF)
	require.ErrorContains(t, err, `GET "k"`)

	require.ErrorIs(t, fail("GET", "k", rueidis.ErrClosing), cache.ErrUnavailable)

	late := fail("GET", "k", context.DeadlineExceeded)
	require.ErrorIs(t, late, cache.ErrUnavailable)
	require.ErrorIs(t, late, context.DeadlineExceeded)

	gone := fail("GET", "k", context.Canceled)
	require.ErrorIs(t, gone, context.Canceled)
	require.NotErrorIs(t, gone, cache.ErrUnavailable)

	require.NotErrorIs(t, fail("GET", "k", errReply), cache.ErrUnavailable)
	require.ErrorIs(t, refuse("GEOADD", "k", cache.ErrInvalidPlace), cache.ErrInvalidPlace)
	require.False(t, errors.Is(refuse("SCAN", "x", errCursor), cache.ErrUnavailable))
}

func TestInfoInt(t *testing.T) {
	const info = "# Memory\r\nused_memory:1\r\nused_memory_dataset:42\r\nused_memory_dataset_perc:9%\r\n"
	n, err := infoInt(info, "used_memory_dataset")
	require.NoError(t, err)
	require.EqualValues(t, 42, n)
	_, err = infoInt(info, "dataset")
	require.Error(t, err)
	_, err = infoInt(info, "used_memory_dataset_perc")
	require.Error(t, err)
}
