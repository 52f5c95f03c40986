package ingest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/ingest/pingpb"
	"hyperlocal/problem"
)

func gzipped(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// postEncoded is post with a Content-Encoding. The length of a body that is no
// *strings.Reader is not declared.
func postEncoded(h *Handler, contentType, encoding string, body io.Reader) (*httptest.ResponseRecorder, error) {
	req := httptest.NewRequest(http.MethodPost, "/v1/locations", body)
	req.Header.Set(echo.HeaderContentType, contentType)
	req.Header.Set(echo.HeaderContentEncoding, encoding)
	rec := httptest.NewRecorder()
	return rec, h.Locations(echo.New().NewContext(req, rec))
}

func TestGzip(t *testing.T) {
	h := newHandler(t, Options{})
	for _, c := range []struct{ encoding, contentType, body string }{
		{"gzip", "application/json", good},
		{"X-GZIP", "application/x-ndjson", strings.Replace(good, "d1", "d2", 1) + "\n"},
		{"gzip", pingpb.ContentType, batchOf(pingAt("d3", now.UnixMilli()))},
	} {
		rec, err := postEncoded(h, c.contentType, c.encoding, strings.NewReader(gzipped(t, c.body)))
		require.NoError(t, err, c.contentType)
		require.JSONEq(t, `{"verdicts":{"accepted":1},"rejected":[],"server_time_ms":1700000000000}`, rec.Body.String())
	}
}

func TestGzipRefusals(t *testing.T) {
	const most = 10_000
	h := newHandler(t, Options{MaxBytes: most})
	full := gzipped(t, good+strings.Repeat(" ", most-len(good)))
	for _, c := range []struct {
		name, encoding string
		body           io.Reader
		status         int
		field          string
	}{
		{"as much as allowed", "gzip", strings.NewReader(full), 200, ""},
		{"a bomb", "gzip", strings.NewReader(gzipped(t, strings.Repeat(" ", 5<<20))), 413, "body"},
		{"one byte more than allowed", "gzip", strings.NewReader(gzipped(t, strings.Repeat(" ", most+1))), 413, "body"},
		{"endless and empty", "gzip", &endless{piece: gzipped(t, "")}, 413, "body"},
		{"not gzip", "gzip", strings.NewReader(good), 400, "body"},
		{"nothing", "gzip", strings.NewReader(""), 400, "body"},
		{"broken off", "gzip", strings.NewReader(full[:len(full)-1]), 400, "body"},
		{"wrong checksum", "gzip", strings.NewReader(full[:len(full)-8] + "12345678"), 400, "body"},
		{"another encoding", "br", strings.NewReader(good), 415, "Content-Encoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := postEncoded(h, "application/json", c.encoding, c.body)
			if c.status == 200 {
				require.NoError(t, err)
				require.Equal(t, 200, rec.Code)
				return
			}
			var p *problem.Problem
			require.ErrorAs(t, err, &p)
			require.Equal(t, c.status, p.Status)
			require.Equal(t, c.field, p.Field)
		})
	}
}

// endless repeats a piece for ever.
type endless struct {
	piece string
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.piece[e.at:])
	e.at = (e.at + n) % len(e.piece)
	return n, nil
}
