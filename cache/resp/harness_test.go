package resp

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 30 * time.Second

// start serves an engine on a loopback port until the test ends.
func start(t testing.TB, engine cache.Engine, opt Options) (s *Server, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s = New(engine, opt)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-ended, ErrClosed)
	})
	return s, l.Addr().String()
}

// startMemory serves an engine of its own.
func startMemory(t testing.TB, opt Options) (*Server, string) {
	t.Helper()
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return start(t, e, opt)
}

// peer is the client's end of a connection.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, addr string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*patience)))
	return &peer{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// encode makes the request that a library would send.
func encode(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

func (p *peer) send(raw string) {
	p.t.Helper()
	_, err := io.WriteString(p.conn, raw)
	require.NoError(p.t, err)
}

// do sends a command and returns its reply.
func (p *peer) do(args ...string) reply {
	p.t.Helper()
	p.send(encode(args...))
	return p.receive()
}

func (p *peer) receive() reply {
	p.t.Helper()
	r, err := readReply(p.in)
	require.NoError(p.t, err)
	return r
}

// closed requires that the server ends the connection, whatever it says before.
func (p *peer) closed() {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.in)
	if err != nil {
		require.NotErrorIs(p.t, err, errDeadline, "the server did not close the connection")
	}
}

var errDeadline error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "i/o timeout" }

// reply is what a server answered, in either protocol.
type reply struct {
	kind byte // RESP's first byte; nulls keep the one they came with
	text string
	null bool
	list []reply // of a map: keys and values in turn
}

// String shows a reply in one line, with its kind.
func (r reply) String() string {
	switch {
	case r.null:
		return string(r.kind) + "null"
	case r.list != nil || strings.IndexByte("*~>%", r.kind) >= 0:
		parts := make([]string, len(r.list))
		for i, e := range r.list {
			parts[i] = e.String()
		}
		return string(r.kind) + "[" + strings.Join(parts, " ") + "]"
	}
	return string(r.kind) + strconv.Quote(r.text)
}

func readReply(in *bufio.Reader) (reply, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return reply{}, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	r := reply{kind: line[0], text: line[1:]}
	switch r.kind {
	case '+', '-', ':', ',', '#', '(':
		return r, nil
	case '_':
		r.null = true
		return r, nil
	}
	n, err := strconv.Atoi(r.text)
	if err != nil {
		return r, fmt.Errorf("reply %q: %w", line, err)
	}
	r.text = ""
	if n < 0 {
		r.null = true
		return r, nil
	}
	switch r.kind {
	case '$', '=':
		b := make([]byte, n+2)
		_, err := io.ReadFull(in, b)
		r.text = string(b[:n])
		return r, err
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return r, fmt.Errorf("reply %q is of no known kind", line)
	}
	r.list = make([]reply, n)
	for i := range r.list {
		if r.list[i], err = readReply(in); err != nil {
			return r, err
		}
	}
	return r, nil
}
