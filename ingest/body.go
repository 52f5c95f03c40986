package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"hyperlocal/problem"
)

// inflaters are *gzip.Reader, of some 40 KB each.
var inflaters sync.Pool

// errTooLarge is readBody's for a body of more bytes than allowed.
var errTooLarge = errors.New("the body is too large")

// readBody reads the request's body, inflated if it is gzip. Neither what comes over
// the wire nor what it inflates to may be more than max bytes. A body is inflated when
// all of it is there: what that takes is not held while a slow client sends.
func (w *work) readBody(r *http.Request, max int64) (err error) {
	w.body, w.wire = w.body[:0], w.wire[:0]
	if r.ContentLength > max {
		return errTooLarge
	}
	switch coding := strings.ToLower(r.Header.Get("Content-Encoding")); coding {
	case "", "identity":
		w.body, err = readAll(w.body, r.Body, max, &w.room)
		return err
	case "gzip", "x-gzip":
		if w.wire, err = readAll(w.wire, r.Body, max, &w.room); err != nil {
			return err
		}
		return w.inflate(max)
	default:
		return problem.New(http.StatusUnsupportedMediaType, "unsupported-encoding", "The body's encoding is not supported").
			WithField("Content-Encoding", "must be gzip, or nothing")
	}
}

// inflate makes w.body of w.wire.
func (w *work) inflate(max int64) error {
	z, ok := inflaters.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	err := z.Reset(bytes.NewReader(w.wire))
	if err == nil {
		defer func() {
			_ = z.Reset(nothing{}) // it keeps no request's body
			inflaters.Put(z)
		}()
		w.body, err = readAll(w.body, z, max, &w.room)
	}
	if err != nil {
		return fmt.Errorf("inflate: %w", err)
	}
	return nil
}

// nothing is a body that has ended.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) ReadByte() (byte, error)  { return 0, io.EOF }

// readAll appends the body to buf, or as much of it as shows that it is more
// than max, or than there is room for.
func readAll(buf []byte, body io.Reader, max int64, room *room) ([]byte, error) {
	for start := len(buf); ; {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)-start) > max:
			return buf, errTooLarge
		case !room.take(n):
			return buf, errBusy
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}
