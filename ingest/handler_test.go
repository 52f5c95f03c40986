package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/geo"
	"hyperlocal/problem"
)

var now = time.UnixMilli(1_700_000_000_000)

func clock() time.Time { return now }

func newHandler(t testing.TB, opt Options) *Handler {
	t.Helper()
	opt.Now = clock
	return New(geo.NewFleet(enginetest.Memory(t), geo.NoZones(), geo.FleetOptions{Now: clock}), opt)
}

// post sends a request through echo, and returns the handler's own error if
// there is one.
func post(h *Handler, contentType string, body io.Reader) (*httptest.ResponseRecorder, error) {
	e := echo.New()
	var handlerErr error
	e.HTTPErrorHandler = func(err error, _ echo.Context) { handlerErr = err }
	h.Register(e)
	req := httptest.NewRequest(http.MethodPost, "/v1/locations", body)
	req.Header.Set(echo.HeaderContentType, contentType)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec, handlerErr
}

func TestOneBadPingDoesNotSinkTheOthers(t *testing.T) {
	h := newHandler(t, Options{})
	ping := func(driver string, lat, lon any, ts int64) string {
		return fmt.Sprintf(`{"driver_id":%q,"lat":%v,"lon":%v,"ts":%d}`, driver, lat, lon, ts)
	}
	ms := now.UnixMilli()
	body := "[" + strings.Join([]string{
		ping("a", 12.97, 77.59, ms),
		ping("b", 91, 77.59, ms),
		ping("b", "NaN", 77.59, ms),
		ping("b", 0, 0, ms),
		ping("b", 12.97, 77.59, ms/1000),
		ping("b", 12.97, 77.59, ms+365*86_400_000),
		ping("b", `"north"`, 77.59, ms),
		ping("a", 12.97, 77.59, ms),
		ping("a", 12.97, 77.59, ms-5000),
		ping("a", 13.97, 77.59, ms+1),
		ping("b", 12.97, 77.59, ms),
	}, ",") + "]"
	rec, err := post(h, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	require.Equal(t, 200, rec.Code)
	var got answer
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
	require.Equal(t, map[string]int{"accepted": 2, "late": 1, "duplicate": 1, "future": 1, "implausible": 1, "invalid": 5}, got.Verdicts)
	require.Equal(t, ms, got.ServerTimeMS)
	var brief []string
	for _, r := range got.Rejected {
		require.NotEmpty(t, r.Detail)
		brief = append(brief, fmt.Sprintf("%d %s %s", r.Index, r.Verdict, r.Field))
	}
	require.Equal(t, []string{
		"1 invalid lat", "2 invalid lat", "3 invalid lat", "4 invalid ts", "5 future ts", "6 invalid lat", "7 duplicate ts", "9 implausible lat",
	}, brief)
	require.Contains(t, got.Rejected[3].Detail, "seconds")

	counts := h.Counts()
	require.EqualValues(t, 2, counts[geo.Accepted])
	require.EqualValues(t, 5, counts[geo.Invalid])

	rec, err = post(h, "application/x-ndjson", strings.NewReader(ping("c", 12.97, 77.59, ms)+"\nx\n"+ping("d", 12.97, 77.59, ms)))
	require.NoError(t, err)
	require.JSONEq(t, `{"verdicts":{"accepted":2,"invalid":1},"rejected":[{"index":1,"verdict":"invalid","detail":"is not valid JSON"}],"server_time_ms":1700000000000}`, rec.Body.String())
}

func TestRejectedListIsBounded(t *testing.T) {
	rec, err := post(newHandler(t, Options{}), "application/json", strings.NewReader("["+strings.Repeat("{},", 500)+"{}]"))
	require.NoError(t, err)
	var got answer
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
	require.Equal(t, 501, got.Verdicts["invalid"])
	require.Len(t, got.Rejected, maxListed)
}

func TestRefusals(t *testing.T) {
	h := newHandler(t, Options{MaxBytes: 1000, MaxPings: 3})
	for _, c := range []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"broken JSON", strings.NewReader(`{"driver_id": `), 400},
		{"not JSON", strings.NewReader(`hello`), 400},
		{"empty", strings.NewReader(``), 400},
		{"broken off", io.MultiReader(strings.NewReader(good[:20]), failingReader{}), 400},
		{"too large by its length", strings.NewReader(strings.Repeat(" ", 1001)), 413},
		{"too large without one", io.MultiReader(strings.NewReader(strings.Repeat(" ", 1001))), 413},
		{"too many", strings.NewReader("[{},{},{},{}]"), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := post(h, "application/json", c.body)
			var p *problem.Problem
			require.ErrorAs(t, err, &p)
			require.Equal(t, c.status, p.Status)
			require.Equal(t, "body", p.Field)
		})
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

type noEngine struct{}

func (noEngine) Record(context.Context, []geo.Fix) ([]geo.Outcome, error) {
	return nil, fmt.Errorf("record: %w", cache.ErrUnavailable)
}

func TestWithoutEngine(t *testing.T) {
	h := New(noEngine{}, Options{})
	_, err := post(h, "application/json", strings.NewReader(mocked))
	require.ErrorIs(t, err, cache.ErrUnavailable)
	require.Zero(t, h.Counts(), "what was not judged is not counted")
	require.Zero(t, h.Mocks())
}

const mocked = `{"driver_id":"d","lat":12.97,"lon":77.59,"ts":1700000000000,"mock":true}`

func TestMocksAreCounted(t *testing.T) {
	h := newHandler(t, Options{})
	_, err := post(h, "application/json", strings.NewReader("["+good+","+mocked+`,{"mock":true}]`))
	require.NoError(t, err)
	require.EqualValues(t, 1, h.Mocks(), "of those that are pings")
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, newHandler(t, Options{}).fleet, StreamOptions{})
		p := dial(t, s, "")
		p.text(mocked)
		made := pingAt("e", now.UnixMilli())
		made.Mock = true
		p.send(websocket.BinaryMessage, batchOf(made))
		require.Equal(t, websocket.CloseNormalClosure, p.close())
		<-p.acks
		require.EqualValues(t, 2, s.handler.Mocks())
	})
}

// A request's memory is used again; nothing of one may show in the next.
func TestRequestsDoNotMix(t *testing.T) {
	h := newHandler(t, Options{})
	first := `[{"driver_id":"a","lat":12.97,"lon":77.59,"ts":1700000000000,"speed_mps":5},{"driver_id":"b","lat":12.97,"lon":77.59,"ts":1700000000000}]`
	for range 3 {
		_, err := post(h, "application/json", strings.NewReader(first))
		require.NoError(t, err)
		rec, err := post(h, "application/json", strings.NewReader(`[{"driver_id":"c"}]`))
		require.NoError(t, err)
		require.Contains(t, rec.Body.String(), `"field":"lat","detail":"is missing"`)
	}
}

// answer is the body of a 200, as web/openapi.yaml has it.
type answer struct {
	Acknowledged uint64         `json:"acknowledged"`
	Verdicts     map[string]int `json:"verdicts"`
	Rejected     []rejection    `json:"rejected"`
	ServerTimeMS int64          `json:"server_time_ms"`
}
