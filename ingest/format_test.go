package ingest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
	"hyperlocal/problem"
)

func pingAt(driver string, ts int64) pingpb.Ping {
	return pingpb.Ping{
		DriverID: driver, LatE7: pingpb.E7(12.9716), LonE7: pingpb.E7(77.5946), TSMS: ts,
		AccuracyM: geo.Unknown, SpeedMPS: geo.Unknown, BearingDeg: geo.Unknown, Battery: geo.Unknown,
	}
}

func batchOf(pings ...pingpb.Ping) string {
	var b []byte
	for i := range pings {
		b = pings[i].Append(b)
	}
	return string(b)
}

func TestProtobufOverHTTP(t *testing.T) {
	h := newHandler(t, Options{})
	ms := now.UnixMilli()
	body := batchOf(pingAt("a", ms), pingAt("", ms), pingAt("b", ms), pingAt("b", ms)) + "\x0a\x01\xff"
	want := pingpb.Answer{
		Verdicts: map[string]uint32{"accepted": 2, "invalid": 2, "duplicate": 1},
		Rejected: []pingpb.Rejection{
			{Index: 1, Verdict: "invalid", Field: "driver_id", Detail: "must be 1 to 64 bytes of printable text without braces"},
			{Index: 3, Verdict: "duplicate", Field: "ts", Detail: "the driver has a fix of this time already"},
			{Index: 4, Verdict: "invalid", Detail: "is not a valid protobuf message"},
		},
		ServerTimeMS: ms,
	}
	e := echo.New()
	h.Register(e)
	send := func(body, accept string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodPost, "/v1/locations", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/protobuf")
		req.Header.Set("Accept", accept)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		require.Equal(t, 200, rec.Code)
		return rec
	}
	rec := send(body, "text/plain, application/x-protobuf;q=0.9")
	require.Equal(t, pingpb.ContentType, rec.Header().Get("Content-Type"))
	got, err := pingpb.ParseAnswer(rec.Body.Bytes())
	require.NoError(t, err)
	require.Equal(t, want, got)

	rec = send(batchOf(pingAt("c", ms)), "*/*")
	require.JSONEq(t, `{"verdicts":{"accepted":1},"rejected":[],"server_time_ms":1700000000000}`, rec.Body.String())
	rec = send("", "application/x-protobuf")
	got, err = pingpb.ParseAnswer(rec.Body.Bytes())
	require.NoError(t, err)
	require.Equal(t, pingpb.Answer{Verdicts: map[string]uint32{}, ServerTimeMS: ms}, got)
}

func TestProtobufRefusals(t *testing.T) {
	h := newHandler(t, Options{MaxPings: 2})
	one := batchOf(pingAt("a", now.UnixMilli()))
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"JSON", good, 400},
		{"broken off", one[:len(one)-1], 400},
		{"nothing but garbage", "\x0a\x01\xff\x0a\x01\xff", 400},
		{"not a field", "\x00\x01", 400},
		{"too many", one + one + one, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := post(h, pingpb.ContentType, strings.NewReader(c.body))
			var p *problem.Problem
			require.ErrorAs(t, err, &p)
			require.Equal(t, c.status, p.Status)
			require.Equal(t, "body", p.Field)
		})
	}
}
