package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// What a client may send before it has given the password: enough for AUTH and
// HELLO, too little to make the server hold anything.
const (
	strangerArgs = 10
	strangerBulk = 16 << 10 // bytes
)

const (
	readerSize = 16 << 10 // bytes of a reader's buffer at rest
	// argOverhead is what an argument costs beyond its bytes: where it stands
	// in the buffer, and the string that points there.
	argOverhead = 64
	keptArgs    = 1024 // arguments whose places a reader keeps for the next command
)

var (
	// errIncomplete says that the command at hand has not arrived yet: fill,
	// and ask again.
	errIncomplete = errors.New("command is incomplete")
	errUnbalanced = protocolError("unbalanced quotes in request")
)

// protocolError is input that is no command. What follows it cannot be
// understood either, so the connection ends.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// reader takes commands out of a stream of bytes: arrays of bulk strings, or
// lines as a person types them. It holds what has arrived and never room for
// what a client merely announces. A command that arrives in many pieces is read
// on from where the last piece ended, so its cost is linear.
type reader struct {
	src     io.Reader
	limits  Limits
	trusted bool // the client has given the password, or needs none

	buf  []byte // buf[pos:] has arrived and is not yet taken
	pos  int
	args []string // of the last command; reused

	// The command at hand, while it arrives. Offsets count from pos.
	scanned int // up to here it has been understood
	missing int // arguments
	bulk    int // length of the argument at scanned; -1: its header comes first
	size    int // bytes it will take, overheads included
	spans   []span
	started bool // its number of arguments is known
}

// span is where an argument stands.
type span struct{ from, to int }

func newReader(src io.Reader, limits Limits, trusted bool) *reader {
	return &reader{src: src, limits: limits, trusted: trusted, buf: make([]byte, 0, readerSize), bulk: -1}
}

// next returns a command that has arrived: its arguments, valid until the next
// call, of which none means that there was nothing to do. The strings are the
// caller's to keep. The error is errIncomplete or a protocolError.
func (r *reader) next() ([]string, error) {
	if !r.started {
		if r.pos == len(r.buf) {
			return nil, errIncomplete
		}
		if r.buf[r.pos] != '*' {
			return r.inline()
		}
		n, err := r.header('*', "mbulk count", "invalid multibulk length", r.limits.Args)
		switch {
		case err != nil:
			return nil, err
		case n <= 0:
			r.take(r.scanned)
			return nil, nil
		case !r.trusted && n > strangerArgs:
			return nil, protocolError("unauthenticated multibulk length")
		}
		r.started, r.missing = true, n
	}
	for r.missing > 0 {
		if err := r.argument(); err != nil {
			return nil, err
		}
	}
	return r.complete(), nil
}

// argument reads one argument of the command at hand.
func (r *reader) argument() error {
	if r.bulk < 0 {
		n, err := r.header('$', "bulk count", "invalid bulk length", r.limits.Bulk)
		switch {
		case err != nil:
			return err
		case n < 0:
			return protocolError("invalid bulk length")
		case !r.trusted && n > strangerBulk:
			return protocolError("unauthenticated bulk length")
		}
		if r.size += n + argOverhead; r.size > r.limits.Command {
			return protocolError("command is too big")
		}
		r.bulk = n
	}
	end := r.scanned + r.bulk
	if r.arrived() < end+len("\r\n") {
		return errIncomplete
	}
	r.spans = append(r.spans, span{r.scanned, end})
	r.scanned = end + len("\r\n") // which nobody checks, as in Redis
	r.bulk = -1
	r.missing--
	return nil
}

// header reads "<kind><number>\r\n" at scanned.
func (r *reader) header(kind byte, what, invalid string, most int) (int, error) {
	rest := r.buf[r.pos+r.scanned:]
	eol := bytes.IndexByte(rest, '\r')
	switch {
	case eol > r.limits.Inline, eol < 0 && len(rest) > r.limits.Inline:
		return 0, protocolError("too big " + what + " string")
	case eol < 0 || eol+1 == len(rest):
		return 0, errIncomplete
	case rest[0] != kind:
		return 0, protocolError(fmt.Sprintf("expected '%c', got '%c'", kind, rest[0]))
	}
	n, ok := parseInt(rest[1:eol])
	if !ok || n > int64(most) {
		return 0, protocolError(invalid)
	}
	r.scanned += eol + len("\r\n")
	return int(max(n, -1)), nil
}

// complete cuts the arguments out of one copy of their bytes.
func (r *reader) complete() []string {
	first, last := r.spans[0].from, r.spans[len(r.spans)-1].to
	text := string(r.buf[r.pos+first : r.pos+last])
	r.args = r.args[:0]
	for _, s := range r.spans {
		r.args = append(r.args, text[s.from-first:s.to-first])
	}
	r.take(r.scanned)
	return r.args
}

// inline reads a command that is a line of words.
func (r *reader) inline() ([]string, error) {
	rest := r.buf[r.pos+r.scanned:]
	eol := bytes.IndexByte(rest, '\n')
	length := r.scanned + eol
	if eol < 0 {
		length = r.arrived()
	}
	if length > r.limits.Inline {
		return nil, protocolError("too big inline request")
	}
	if eol < 0 {
		r.scanned = length
		return nil, errIncomplete
	}
	line := bytes.TrimSuffix(r.buf[r.pos:r.pos+length], []byte("\r"))
	args, ok := splitLine(line, r.args[:0])
	if !ok {
		return nil, errUnbalanced
	}
	r.args = args
	r.take(length + len("\n"))
	return args, nil
}

// take moves past n bytes, to where the next command begins.
func (r *reader) take(n int) {
	r.pos += n
	if cap(r.spans) > keptArgs {
		r.spans = nil
	}
	r.scanned, r.missing, r.bulk, r.size, r.started = 0, 0, -1, 0, false
	r.spans = r.spans[:0]
}

// arrived counts the bytes of the command at hand that are there.
func (r *reader) arrived() int { return len(r.buf) - r.pos }

// fill waits for more bytes.
func (r *reader) fill() error {
	r.makeRoom()
	n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if n > 0 {
		return nil // the error comes again
	}
	return err
}

// makeRoom leaves some capacity to read into. The buffer doubles only when it is
// full of what has arrived, and shrinks when that was taken.
func (r *reader) makeRoom() {
	if cap(r.args) > keptArgs {
		r.args = nil
	}
	switch {
	case r.pos == len(r.buf) && cap(r.buf) > readerSize:
		r.buf = make([]byte, 0, readerSize)
	case r.pos > 0:
		r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
	case len(r.buf) == cap(r.buf):
		r.buf = append(make([]byte, 0, 2*cap(r.buf)), r.buf...)
	}
	r.pos = 0
}
