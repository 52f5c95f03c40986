package resp

import (
	"context"
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/cache"
)

// readAhead is how much a client may send while it waits in a blocking command.
const readAhead = 1 << 20

// client is one connection. Its fields belong to the goroutine that runs serve,
// unless said otherwise.
type client struct {
	srv  *Server
	conn net.Conn
	id   int64
	born time.Time

	life   context.Context // ends when the connection does
	hangUp func()          // ends it; from any goroutine

	in   *reader
	w    writer // replies that have not been sent
	done bool   // nothing more is to be read
	// called is the command under way as the client wrote it.
	called string
	// sub is made by the first subscription, and stays.
	sub *subscriber

	fields    []cache.Field // for building calls; reused
	published int           // messages

	lastCommand atomic.Pointer[command]
	lastActive  atomic.Int64 // ms since 1970

	mu       sync.Mutex // guards what other clients see by CLIENT LIST
	name     string
	lib      [2]string // name and version of the client's library
	protocol int
	listens  listening
}

// listening counts a client's subscriptions.
type listening struct{ channels, patterns, shards int }

func (l listening) total() int { return l.channels + l.patterns + l.shards }

func newClient(s *Server, conn net.Conn, id int64) *client {
	c := &client{srv: s, conn: conn, id: id, born: time.Now(), protocol: 2}
	c.lastActive.Store(c.born.UnixMilli())
	life, end := context.WithCancel(s.life)
	c.life = life
	c.hangUp = func() {
		end()
		_ = conn.Close()
	}
	c.in = newReader(conn, s.opt.Limits, s.opt.Password == "")
	c.w.spill = c.flush
	return c
}

// serve answers commands until the client leaves or the server closes.
func (c *client) serve() {
	defer c.srv.forget(c)
	defer c.hangUp()
	c.awaitLogin()
	for !c.done {
		args, err := c.in.next()
		var bad protocolError
		switch {
		case errors.Is(err, errIncomplete):
			// All that has arrived is answered: now the replies leave together.
			c.flush()
			if c.in.fill() != nil {
				c.done = true
			}
			c.lastActive.Store(time.Now().UnixMilli())
		case errors.As(err, &bad):
			c.w.fault("ERR " + bad.Error())
			c.done = true
		case len(args) > 0:
			c.execute(args)
		}
	}
	c.flush()
	if c.sub != nil {
		c.sub.close()
	}
}

// awaitLogin gives a client so long to tell the password.
func (c *client) awaitLogin() {
	var until time.Time // none
	if !c.in.trusted {
		until = time.Now().Add(c.srv.opt.Limits.Login)
	}
	_ = c.conn.SetReadDeadline(until) // fails only on a closed connection, which reading will say
}

// trust is called when the client has given the password.
func (c *client) trust() {
	if !c.in.trusted {
		c.in.trusted = true
		c.awaitLogin()
	}
}

// execute answers one command.
func (c *client) execute(args []string) {
	c.srv.answered.Add(1)
	cmd, names := c.srv.lookup(args)
	if cmd == nil && isHTTP(args[0]) {
		c.srv.opt.Logger.Warn("a browser was made to speak to the port of Redis's clients, and was cut off", "client", c.conn.RemoteAddr().String())
		c.done = true
		return
	}
	err := c.check(cmd, args)
	if err == nil {
		c.called = args[0]
		c.lastCommand.Store(cmd)
		err = c.run(cmd, args[names:])
	}
	if err == nil {
		return
	}
	text, known := wording(err)
	if !known {
		c.srv.opt.Logger.Error("a Redis client's command failed", "command", args[0], "err", err)
	}
	c.w.fault(text)
}

// isHTTP recognises a web request, which a hostile page may have a browser send
// to a port of its own machine, with commands in the lines of its body. One of
// these words comes before the body.
func isHTTP(word string) bool { return is(word, "post") || is(word, "host:") }

// check refuses what must not run, in Redis's order.
func (c *client) check(cmd *command, args []string) error {
	switch {
	case cmd == nil:
		return c.srv.unknown(args)
	case !cmd.takes(len(args)):
		return errArity(cmd.name)
	case !c.in.trusted && cmd.flags&beforeAuth == 0:
		return errNoAuth
	case c.srv.opt.ReadOnly && cmd.flags&write != 0:
		return errReadOnly
	case !c.w.resp3 && cmd.flags&subscribed == 0 && c.sub != nil && c.listens.total() > 0:
		return refusef("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd.name)
	}
	return nil
}

var errPanic = errors.New("panic")

// run turns a panic into an error. The server lives on, this client does not:
// nobody knows what it has been told.
func (c *client) run(cmd *command, args []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.srv.opt.Logger.Error("a Redis client's command panicked", "command", cmd.name, "panic", p, "stack", string(debug.Stack()))
			c.done = true
			err = errPanic
		}
	}()
	return cmd.run(c, args)
}

// flush sends the replies that have gathered.
func (c *client) flush() {
	if len(c.w.buf) == 0 {
		return
	}
	if c.sub != nil {
		c.sub.enqueue(c.w.buf)
	} else if !c.send(c.w.buf) {
		c.done = true
	}
	if cap(c.w.buf) > 2*spillAt { // one large string
		c.w.buf = nil
	}
	c.w.buf = c.w.buf[:0]
}

// send writes to the connection, and ends it if the client does not take it in
// time. One goroutine at a time: serve's, or once there is one, the subscriber's.
func (c *client) send(b []byte) bool {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.srv.opt.Limits.Write)) // writing says whether it is closed
	if _, err := c.conn.Write(b); err != nil {
		c.hangUp()
		return false
	}
	return true
}

// wait runs a call that may take long. If the client hangs up meanwhile, the
// call's context ends. What it sends instead is kept for later.
func (c *client) wait(call func(ctx context.Context) error) error {
	c.flush()
	ctx, cancel := context.WithCancel(c.life)
	defer cancel()
	c.srv.blocked.Add(1)
	defer c.srv.blocked.Add(-1)

	var over atomic.Bool
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for c.in.arrived() <= readAhead {
			if c.in.fill() != nil {
				if !over.Load() {
					cancel()
				}
				return
			}
		}
		c.srv.opt.Logger.Warn("a Redis client sent too much while it waited, and was cut off", "client", c.conn.RemoteAddr().String())
		c.hangUp()
	}()
	err := call(ctx)
	over.Store(true)
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the watcher
	<-watched
	_ = c.conn.SetReadDeadline(time.Time{})
	if ctx.Err() != nil {
		c.done = true
	}
	return err
}
