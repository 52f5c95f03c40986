package redis

import (
	"strconv"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// A real server says which slot a key is in.
func TestSlotOf(t *testing.T) {
	require.Equal(t, 0x31C3, slotOf("123456789"), "the check value of CRC-16/XMODEM")
	e, err := Open(t.Context(), "redis-cluster://"+testenv.Cluster(t), Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	for i, key := range []string{"", "a", "{", "{}", "{}b", "x{tag}y", "x{{tag}}", "{a}{b}", "é\x00\xff", strconv.Itoa(1 << 40)} {
		want, err := e.client.Do(t.Context(), e.client.B().ClusterKeyslot().Key(key).Build()).ToInt64()
		require.NoError(t, err)
		require.EqualValues(t, want, slotOf(key), "%d: %q", i, key)
	}
}

func TestParseShape(t *testing.T) {
	e, err := Open(t.Context(), "redis-cluster://"+testenv.Cluster(t), Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	s, err := e.shapeNow(t.Context())
	require.NoError(t, err)
	require.Len(t, s.primaries, 3)
	for slot := range slots {
		addr, err := s.primary(slot)
		require.NoError(t, err)
		require.NotEmpty(t, addr)
	}
	_, err = s.primary(slots)
	require.ErrorIs(t, err, errNoNode)
	again, err := e.shapeNow(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.sum, again.sum)

	reply := e.client.Do(t.Context(), e.client.B().Arbitrary("PING").Build())
	_, _, err = parseShape(reply, "h:1")
	require.Error(t, err)
	_, _, err = parseShape(rueidis.NewErrorResult(errReply), "h:1")
	require.ErrorIs(t, err, errReply)
}
