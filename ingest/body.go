package ingest

import (
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

// readBody appends the request's body to buf, inflated if it is gzip. Neither
// what comes over the wire nor what it inflates to may be more than max bytes.
func readBody(buf []byte, r *http.Request, max int64) ([]byte, error) {
	if r.ContentLength > max {
		return buf, errTooLarge
	}
	switch coding := strings.ToLower(r.Header.Get("Content-Encoding")); coding {
	case "", "identity":
		return readAll(buf, r.Body, max)
	case "gzip", "x-gzip":
		return inflate(buf, r.Body, max)
	default:
		return buf, problem.New(http.StatusUnsupportedMediaType, "unsupported-encoding", "The body's encoding is not supported").
			WithField("Content-Encoding", "must be gzip, or nothing")
	}
}

func inflate(buf []byte, body io.Reader, max int64) ([]byte, error) {
	wire := io.LimitedReader{R: body, N: max + 1}
	z, ok := inflaters.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	err := z.Reset(&wire)
	if err == nil {
		defer func() {
			_ = z.Reset(nothing{}) // it keeps no request's body
			inflaters.Put(z)
		}()
		buf, err = readAll(buf, z, max)
	}
	if err == nil {
		return buf, nil
	}
	if wire.N == 0 {
		return buf, errTooLarge
	}
	return buf, fmt.Errorf("inflate: %w", err)
}

// nothing is a body that has ended.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

// readAll appends the body to buf, or as much of it as shows that it is more
// than max.
func readAll(buf []byte, body io.Reader, max int64) ([]byte, error) {
	for start := len(buf); ; {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)-start) > max:
			return buf, errTooLarge
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}
