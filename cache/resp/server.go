package resp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
)

// RedisVersion is the version of Redis whose replies these are. Client libraries
// decide by it what they may ask.
const RedisVersion = "7.0.15"

// Options configure a server. The zero value asks for no password.
type Options struct {
	// Password of the user "default", the only one. Empty: none is asked for.
	Password string
	// ReadOnly refuses commands that write, as a replica of Redis does.
	ReadOnly bool
	// Settings are what CONFIG GET and INFO tell of the engine, by Redis's
	// names: appendonly, appendfsync, maxmemory, maxmemory-policy.
	Settings map[string]string
	// Limits bound what clients may cost. Zero fields take their defaults.
	Limits Limits
	// Logger hears of refused passwords, clients cut off and faults. Default
	// slog.Default.
	Logger *slog.Logger
}

// Limits bound what clients may cost. Zero: the default.
type Limits struct {
	Clients int // connections at a time; 1000
	Args    int // arguments of a command; 1,048,576
	Bulk    int // bytes of an argument; 64 MiB
	Command int // bytes of a command, 64 being added per argument; 128 MiB
	Inline  int // bytes of a command sent as a line, and of a header's line; 64 KiB
	Output  int // bytes that wait for a slow subscriber before it is cut off; 32 MiB
	// Write is how long a client may take to accept what it asked for; 30 s.
	Write time.Duration
	// Login is how long a client may take to give the password; 10 s.
	Login time.Duration
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.Clients, 1000}, {&l.Args, 1 << 20}, {&l.Bulk, 64 << 20}, {&l.Command, 128 << 20}, {&l.Inline, 64 << 10},
		{&l.Output, 32 << 20},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if l.Write <= 0 {
		l.Write = 30 * time.Second
	}
	if l.Login <= 0 {
		l.Login = 10 * time.Second
	}
	return l
}

// Server answers clients with what an engine holds.
type Server struct {
	engine   cache.Engine
	opt      Options
	commands map[string]*command
	started  time.Time
	runID    string

	life context.Context // ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup // clients

	nextID   atomic.Int64
	accepted atomic.Int64 // connections since the start
	rejected atomic.Int64 // connections beyond Limits.Clients
	answered atomic.Int64 // commands since the start
	blocked  atomic.Int64 // clients in a blocking command

	mu        sync.Mutex
	clients   map[*client]struct{}
	listening map[cache.Subscription]struct{}
	listener  net.Listener
	port      int
	closed    bool
}

// New makes a server for an engine, which it does not close.
func New(engine cache.Engine, opt Options) *Server {
	opt.Limits = opt.Limits.withDefaults()
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	id := make([]byte, 20)
	_, _ = rand.Read(id) // never fails
	s := &Server{
		engine: engine, opt: opt, commands: newTable(), started: time.Now(), runID: hex.EncodeToString(id),
		clients: map[*client]struct{}{}, listening: map[cache.Subscription]struct{}{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("resp: server closed")

// Serve answers clients that come to the listener until Close, which also closes
// the listener, or until the listener fails.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.Join(ErrClosed, l.Close())
	}
	s.listener = l
	if addr, ok := l.Addr().(*net.TCPAddr); ok {
		s.port = addr.Port
	}
	s.mu.Unlock()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.admit(conn)
		case s.life.Err() != nil:
			return ErrClosed
		case !isTemporary(err):
			return fmt.Errorf("resp: accept: %w", err)
		default:
			s.opt.Logger.Warn("a Redis client could not be accepted", "err", err)
			select { // too many open files, say: let some close
			case <-s.life.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func isTemporary(err error) bool {
	var n net.Error
	return errors.As(err, &n) && !errors.Is(err, net.ErrClosed)
}

// admit starts a client, or turns it away.
func (s *Server) admit(conn net.Conn) {
	if s.start(conn) {
		return
	}
	// It fits the socket's buffer, so that nothing waits for the client.
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte("-" + string(errTooManyPeers) + "\r\n"))
	_ = conn.Close()
}

func (s *Server) start(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.clients) >= s.opt.Limits.Clients {
		s.rejected.Add(1)
		return false
	}
	s.accepted.Add(1)
	c := newClient(s, conn, s.nextID.Add(1))
	s.clients[c] = struct{}{}
	s.wg.Go(c.serve)
	return true
}

// forget takes a client that has ended off the list.
func (s *Server) forget(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
}

// list returns the clients in no order.
func (s *Server) list() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	clients := make([]*client, 0, len(s.clients))
	for c := range s.clients {
		clients = append(clients, c)
	}
	return clients
}

// Close ends the connections, whatever they wait for, and returns when nothing
// of them is left. A command under way is carried out, though its reply may not
// arrive.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	l := s.listener
	s.listener = nil
	s.mu.Unlock()
	s.end()
	var err error
	if l != nil {
		err = l.Close()
	}
	for _, c := range s.list() {
		c.hangUp()
	}
	s.wg.Wait()
	if err != nil {
		return fmt.Errorf("resp: close: %w", err)
	}
	return nil
}
