package resp

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
)

func TestClientLimit(t *testing.T) {
	s, addr := startMemory(t, Options{Limits: Limits{Clients: 2}})
	a, b := dial(t, addr), dial(t, addr)
	a.do("PING")
	b.do("PING")
	third := dial(t, addr)
	require.Equal(t, `-"ERR max number of clients reached"`, third.receive().String())
	third.closed()
	require.NoError(t, a.conn.Close())
	require.Eventually(t, func() bool { return len(s.list()) == 1 }, patience, time.Millisecond)
	require.Equal(t, `+"PONG"`, dial(t, addr).do("PING").String())
	require.Contains(t, b.do("INFO", "stats").text, "rejected_connections:1\r\n")
}

func TestCommandLimits(t *testing.T) {
	_, addr := startMemory(t, Options{Limits: Limits{Args: 4, Bulk: 1000, Command: 2000}})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"DEL", "1", "2", "3", "4"}, "ERR Protocol error: invalid multibulk length"},
		{[]string{"ECHO", strings.Repeat("a", 1001)}, "ERR Protocol error: invalid bulk length"},
		{[]string{"DEL", strings.Repeat("a", 1000), strings.Repeat("a", 1000)}, "ERR Protocol error: command is too big"},
	} {
		p := dial(t, addr)
		p.send(encode(c.args...))
		require.Equal(t, c.want, p.receive().text)
	}
	p := dial(t, addr)
	require.Equal(t, strings.Repeat("a", 1000), p.do("ECHO", strings.Repeat("a", 1000)).text)
}

// A client that asks and does not read is cut off, and meanwhile nobody else
// waits for it.
func TestClientThatDoesNotRead(t *testing.T) {
	s, addr := startMemory(t, Options{Limits: Limits{Write: 100 * time.Millisecond}})
	p := dial(t, addr)
	big := strings.Repeat("x", 1<<20)
	p.do("SET", "big", big)
	p.send(strings.Repeat(encode("GET", "big"), 100))
	other := dial(t, addr)
	require.Equal(t, `+"PONG"`, other.do("PING").String())
	require.Eventually(t, func() bool { return len(s.list()) == 1 }, patience, time.Millisecond)
	n, _ := io.Copy(io.Discard, p.in) // what was on its way, then the end or a reset
	require.Less(t, n, int64(100<<20))
}

func TestCloseEndsEverything(t *testing.T) {
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	s, addr := start(t, e, Options{})
	idle, halfway, listening := dial(t, addr), dial(t, addr), dial(t, addr)
	idle.do("PING")
	halfway.send("*2\r\n$3\r\nGET\r\n$100\r\nab")
	listening.do("SUBSCRIBE", "c")
	require.NoError(t, s.Close())
	for _, p := range []*peer{idle, halfway, listening} {
		p.closed()
	}
	require.NoError(t, s.Close(), "twice is harmless")
}

// The engine may go first.
func TestClosedEngine(t *testing.T) {
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	_, addr := start(t, e, Options{})
	p, listening := dial(t, addr), dial(t, addr)
	listening.do("SUBSCRIBE", "c")
	require.NoError(t, e.Close())
	require.Equal(t, `-"ERR the engine is closing"`, p.do("GET", "k").String())
	listening.closed()
}

// At the engine's memory limit writes are refused as Redis refuses them.
func TestMemoryLimit(t *testing.T) {
	e, err := memory.Open(memory.Options{MaxMemory: 1 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	_, addr := start(t, e, Options{})
	p := dial(t, addr)
	value := strings.Repeat("v", 10_000)
	last := ""
	for i := range 1000 {
		if last = p.do("SET", fmt.Sprint("k", i), value).String(); last != `+"OK"` {
			break
		}
	}
	require.Equal(t, `-"OOM command not allowed when used memory > 'maxmemory'."`, last)
	require.Equal(t, value, p.do("GET", "k0").text, "reads go on")
	require.Equal(t, `:"2"`, p.do("DEL", "k0", "k1").String())
}
