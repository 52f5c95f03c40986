package resp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// blockedXREAD makes a client wait for a stream.
func blockedXREAD(t *testing.T, s *Server, addr string) *peer {
	t.Helper()
	p := dial(t, addr)
	before := s.blocked.Load()
	p.send(encode("XREAD", "BLOCK", "0", "STREAMS", "x", "$"))
	require.Eventually(t, func() bool { return s.blocked.Load() == before+1 }, patience, time.Millisecond)
	return p
}

func TestBlockedXREAD(t *testing.T) {
	s, addr := startMemory(t, Options{})
	other := dial(t, addr)
	t.Run("is woken", func(t *testing.T) {
		p := blockedXREAD(t, s, addr)
		require.Equal(t, `$"1-1"`, other.do("XADD", "x", "1-1", "f", "v").String(), "nobody else waits")
		require.Equal(t, `*[*[$"x" *[*[$"1-1" *[$"f" $"v"]]]]]`, p.receive().String())
		require.Equal(t, `+"PONG"`, p.do("PING").String())
	})
	t.Run("what is sent meanwhile is answered after", func(t *testing.T) {
		p := blockedXREAD(t, s, addr)
		p.send(encode("ECHO", "later") + encode("ECHO", "last"))
		other.do("XADD", "x", "2-1", "f", "v")
		require.Equal(t, `*[*[$"x" *[*[$"2-1" *[$"f" $"v"]]]]]`, p.receive().String())
		require.Equal(t, `$"later"`, p.receive().String())
		require.Equal(t, `$"last"`, p.receive().String())
	})
	t.Run("replies before it do not wait", func(t *testing.T) {
		p := dial(t, addr)
		p.send(encode("ECHO", "first") + encode("XREAD", "BLOCK", "0", "STREAMS", "x", "$"))
		require.Equal(t, `$"first"`, p.receive().String())
	})
	t.Run("ends with its time", func(t *testing.T) {
		require.Equal(t, `*null`, dial(t, addr).do("XREAD", "BLOCK", "10", "STREAMS", "x", "$").String())
	})
	t.Run("ends when the client hangs up", func(t *testing.T) {
		before := s.blocked.Load()
		p := blockedXREAD(t, s, addr)
		require.NoError(t, p.conn.Close())
		require.Eventually(t, func() bool { return s.blocked.Load() <= before }, patience, time.Millisecond)
	})
	t.Run("ends when the client sends too much", func(t *testing.T) {
		p := blockedXREAD(t, s, addr)
		go func() { _, _ = p.conn.Write(make([]byte, 4<<20)) }()
		p.closed()
	})
	t.Run("ends with the server", func(t *testing.T) {
		s, addr := startMemory(t, Options{})
		p := blockedXREAD(t, s, addr)
		require.NoError(t, s.Close())
		p.closed()
	})
}
