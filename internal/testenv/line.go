package testenv

import (
	"net"
	"regexp"
	"sync"
	"testing"
	"time"
)

// Line is a way to a service that a test makes longer, blocks or cuts: so it acts
// between two steps of a program that lie microseconds apart.
type Line struct {
	Addr string // of this end

	to   string
	done chan struct{} // closed when the test ends
	work sync.WaitGroup

	mu       sync.Mutex // guards what follows
	late     time.Duration
	changed  chan struct{} // closed when late changes
	watch    *watch        // nil: for nothing
	blocked  bool
	listener net.Listener // nil: cut
	open     []net.Conn
}

// watch is for a request. came is closed when there was one.
type watch struct {
	request *regexp.Regexp
	block   bool
	came    chan struct{}
}

// NewLine makes a line to a service, which ends with the test.
func NewLine(t testing.TB, to string) *Line {
	t.Helper()
	l := &Line{to: to, done: make(chan struct{}), changed: make(chan struct{})}
	l.Addr = l.listen(t, "127.0.0.1:0")
	t.Cleanup(func() {
		close(l.done)
		l.Cut()
		l.work.Wait()
	})
	return l
}

// Delay has answers wait from now on, those that are waiting, too. Each waits by itself:
// the service is further away, not slower with every answer.
func (l *Line) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = d
	close(l.changed)
	l.changed = make(chan struct{})
}

// await waits until an answer that came then is due.
func (l *Line) await(came time.Time) {
	for {
		l.mu.Lock()
		wait, changed := time.Until(came.Add(l.late)), l.changed
		l.mu.Unlock()
		if wait <= 0 {
			return
		}
		select {
		case <-time.After(wait):
		case <-changed:
		case <-l.done:
			return
		}
	}
}

// Await tells of the next request that matches, when it has been passed on.
func (l *Line) Await(request *regexp.Regexp) <-chan struct{} {
	return l.watchFor(watch{request: request})
}

// Block stops everything that goes to the service from the next request on that
// matches, itself included, and tells when that came.
func (l *Line) Block(request *regexp.Regexp) <-chan struct{} {
	return l.watchFor(watch{request: request, block: true})
}

func (l *Line) watchFor(w watch) <-chan struct{} {
	w.came = make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch = &w
	return w.came
}

// Cut closes all connections and takes no others.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close() // nobody is told of it
	}
	for _, c := range l.open {
		_ = c.Close()
	}
	l.listener, l.open = nil, nil
}

// Restore undoes Cut: connections are taken again, at the same address.
func (l *Line) Restore(t testing.TB) {
	t.Helper()
	l.listen(t, l.Addr)
}

func (l *Line) listen(t testing.TB, addr string) string {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener = listener
	l.work.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", l.to)
			if err != nil {
				_ = in.Close() // the client sees that nobody is there
				continue
			}
			l.connect(listener, in, out)
		}
	})
	return listener.Addr().String()
}

// connect passes on what comes, unless the line was cut meanwhile.
func (l *Line) connect(listener net.Listener, in, out net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != listener {
		_, _ = in.Close(), out.Close()
		return
	}
	l.open = append(l.open, in, out)
	l.work.Go(func() { l.requests(in, out) })
	l.work.Go(func() { l.answers(out, in) })
}

// requests passes on what the client says, until a block.
func (l *Line) requests(from, to net.Conn) {
	buf := make([]byte, 1<<20)
	for {
		n, err := from.Read(buf)
		came, blocked := l.look(buf[:n])
		if blocked {
			return
		}
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if came != nil {
			close(came)
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// look tells what to close once the request is passed on, if that is watched for, and
// whether it may be.
func (l *Line) look(request []byte) (came chan struct{}, blocked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.watch; w != nil && !l.blocked && w.request.Match(request) {
		l.watch = nil
		if !w.block {
			return w.came, false
		}
		l.blocked = true
		close(w.came)
	}
	return nil, l.blocked
}

// answers passes on what the service says, each piece in its time. A connection that
// the client has left takes no more.
func (l *Line) answers(from, to net.Conn) {
	type piece struct {
		data []byte
		came time.Time
		err  error
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			select {
			case pieces <- piece{buf[:n], time.Now(), err}:
			case <-l.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		l.await(p.came)
		_, err := to.Write(p.data)
		if err != nil || p.err != nil {
			_ = to.Close()
			_ = from.Close() // ends the reading, too
			for range pieces {
			}
			return
		}
	}
}
