package ingest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
	"hyperlocal/problem"
)

// appCase is a message of an app, and what is to become of it; see
// testdata/apps/README.md.
type appCase struct {
	Name    string            `json:"name"`
	User    string            `json:"user"` // X-Limit-U
	Query   string            `json:"query"`
	Body    string            `json:"body"`
	Pings   []json.RawMessage `json:"pings"`
	Refused string            `json:"refused"` // the field at fault
}

func appCases(t testing.TB) (cases struct{ OwnTracks, OsmAnd []appCase }) {
	t.Helper()
	text, err := os.ReadFile("testdata/apps/cases.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &cases))
	return cases
}

// recording keeps what it is given.
type recording struct {
	discarding
	fixes []geo.Fix
}

func (r *recording) Record(ctx context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	r.fixes = append(r.fixes, fixes...)
	return r.discarding.Record(ctx, fixes)
}

// sendApp sends a case's request to a handler.
func sendApp(h *Handler, method, path string, c appCase) (*httptest.ResponseRecorder, error) {
	e := echo.New()
	var handlerErr error
	e.HTTPErrorHandler = func(err error, _ echo.Context) { handlerErr = err }
	h.Register(e)
	req := httptest.NewRequest(method, path+"?"+c.Query, strings.NewReader(c.Body))
	if c.User != "" {
		req.Header.Set("X-Limit-U", c.User)
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec, handlerErr
}

// same compares to what a float32 holds.
func same(t *testing.T, want, got geo.Fix) {
	t.Helper()
	require.InDelta(t, want.SpeedMPS, got.SpeedMPS, 1e-5)
	require.InDelta(t, want.Battery, got.Battery, 1e-6)
	want.SpeedMPS, want.Battery = got.SpeedMPS, got.Battery
	require.Equal(t, want, got)
}

func TestAppsMessages(t *testing.T) {
	cases := appCases(t)
	for path, list := range map[string][]appCase{"/v1/owntracks": cases.OwnTracks, "/v1/osmand": cases.OsmAnd} {
		require.NotEmpty(t, list)
		for _, c := range list {
			t.Run(path+" "+c.Name, func(t *testing.T) {
				r := &recording{}
				rec, err := sendApp(New(r, Options{Now: clock}), http.MethodPost, path, c)
				if c.Refused != "" {
					var p *problem.Problem
					require.ErrorAs(t, err, &p)
					require.Equal(t, c.Refused, p.Field)
					return
				}
				require.NoError(t, err)
				require.Equal(t, 200, rec.Code)
				require.Len(t, r.fixes, len(c.Pings))
				for i, text := range c.Pings {
					same(t, decodePing(text).Fix, r.fixes[i])
				}
				if path == "/v1/owntracks" {
					require.JSONEq(t, `[]`, rec.Body.String())
					require.Equal(t, "1700000000000", rec.Header().Get("Hyperlocal-Server-Time-Ms"))
					return
				}
				var a answer
				require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &a))
				require.EqualValues(t, 1_700_000_000_000, a.ServerTimeMS)
				require.Equal(t, len(c.Pings), a.Verdicts["accepted"])
			})
		}
	}
}

// Bad messages: those that the app would repeat for ever have status 200.
func TestAppsBadMessages(t *testing.T) {
	h := newHandler(t, Options{MaxPings: 2, MaxBytes: 1000})
	location := `{"timestamp":"2023-11-14T22:13:20Z","coords":{"latitude":12.97,"longitude":77.59}}`
	for _, c := range []struct {
		path, query, body string
		status            int
		want              string // the field at fault, or the verdict
	}{
		{"owntracks", "", `{"_type":"location"`, 400, "body"},
		{"owntracks", "", `[]`, 400, "body"},
		{"owntracks", "", `7`, 400, "body"},
		{"owntracks", "", `{"_type":5}`, 400, "body"},
		{"owntracks", "", strings.Repeat(" ", 1001), 413, "body"},
		{"owntracks", "u=x", `{"_type":"location","lat":"north","lon":1,"tst":1700000000}`, 200, "invalid"},
		{"owntracks", "u=x", `{"_type":"location","lat":1,"lon":1}`, 200, "invalid"},
		{"owntracks", "", `{"_type":"location","lat":1,"lon":1,"tst":1700000000,"topic":"owntracks/jane"}`, 200, "invalid"},
		{"owntracks", "u=x", `{"_type":"location","lat":"1","lon":"1","tst":"1700000000"}`, 200, "accepted"},
		{"owntracks", "u=x", `{"_type":"location","lat":1,"lon":1,"tst":1700000000}`, 200, "duplicate"},
		{"owntracks", "u=x", `{"_type":"location","lat":1,"lon":1,"tst":1900000000}`, 200, "future"},
		{"owntracks", "u=x", `{"_type":"encrypted","data":"AAAA"}`, 200, "invalid"},
		{"osmand", "id=%zz", "", 400, "body"},
		{"osmand", "id=y", "a=%zz", 400, "body"},
		{"osmand", "", "", 400, "id"},
		{"osmand", "", `{"location":`, 400, "body"},
		{"osmand", "", `{"location":` + location + `}`, 400, "id"},
		{"osmand", "", `{"device_id":"y","location":[` + location + `}`, 400, "body"},
		{"osmand", "", `{"device_id":"y","location":[{},{},{}]}`, 413, "body"},
		{"osmand", "", `{"device_id":"y","location":[{},1]}`, 200, `"invalid":2`},
		{"osmand", "", `{"device_id":"y","location":null}`, 200, `"verdicts":{}`},
		{"osmand", "", `{"device_id":4711,"location":` + location + `}`, 200, `"accepted":1`},
		{"osmand", "id=y&lat=1&lon=1&valid=false", "", 200, `"field":"valid"`},
		{"osmand", "id=y&lat=1&lon=1&timestamp=yesterday", "", 200, `"field":"ts"`},
		{"osmand", "id=y&lat=0x1p4&lon=1", "", 200, `"field":"lat"`},
		{"osmand", "id=y&lat=1&lon=1&timestamp=1700000000&mock=true", "", 200, `"accepted":1`},
		{"osmand", "id=y&lat=1&lon=1&timestamp=1700000000000", "", 200, `"duplicate":1`},
	} {
		t.Run(c.path+" "+c.query+c.body[:min(len(c.body), 60)], func(t *testing.T) {
			rec, err := sendApp(h, http.MethodPost, "/v1/"+c.path, appCase{Query: c.query, Body: c.body})
			var p *problem.Problem
			switch {
			case c.status != 200:
				require.ErrorAs(t, err, &p)
				require.Equal(t, c.status, p.Status)
				require.Equal(t, c.want, p.Field)
			case c.path == "owntracks":
				require.NoError(t, err)
				require.Equal(t, c.want, rec.Header().Get("Hyperlocal-Verdict"))
				require.Equal(t, c.want == "accepted", rec.Header().Get("Hyperlocal-Detail") == "")
				if strings.Contains(c.body, "encrypted") {
					require.Contains(t, rec.Header().Get("Hyperlocal-Detail"), "_type is encrypted")
				}
			default:
				require.NoError(t, err)
				require.Contains(t, rec.Body.String(), c.want)
			}
		})
	}
	require.EqualValues(t, 1, h.Mocks())
	require.EqualValues(t, 9, h.Counts()[geo.Invalid], "also what is encrypted")
	rec, err := sendApp(h, http.MethodGet, "/v1/osmand", appCase{Query: "id=z&lat=1&lon=1"})
	require.NoError(t, err)
	require.Contains(t, rec.Body.String(), `"accepted":1`)
}

func TestAppTimes(t *testing.T) {
	const want = 1_700_000_000_000
	for _, text := range []string{
		"1700000000", "1700000000000", "1.7e9", "1700000000.0", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000Z",
		"2023-11-15T03:43:20+05:30", "2023-11-15T03:43:20+0530", "2023-11-14 22:13:20", "2023-11-14T22:13:20",
	} {
		var got int64
		require.Empty(t, readAppTime([]byte(text), &got), text)
		require.EqualValues(t, want, got, text)
	}
	for _, text := range []string{"", "null", "soon", "NaN", "Inf", "0x10", "1e300", "-", "2023-13-01T00:00:00Z"} {
		var got int64
		require.NotEmpty(t, readAppTime([]byte(text), &got), text)
	}
}

// Whatever comes: no panic, and what is a fix has a time near the years that can
// be written.
func FuzzApps(f *testing.F) {
	cases := appCases(f)
	for _, c := range append(cases.OwnTracks, cases.OsmAnd...) {
		f.Add(c.User, c.Query, c.Body)
	}
	h := New(discarding{}, Options{Now: clock})
	f.Fuzz(func(t *testing.T, user, query, body string) {
		const most = 10
		one, _ := decodeOwnTracks(nil, []byte(body), user)
		require.LessOrEqual(t, len(one), 1)
		form, _ := h.decodeOsmAndForm(nil, query, body)
		require.LessOrEqual(t, len(form), 1)
		many, _ := decodeOsmAndJSON(nil, []byte(body), most)
		require.LessOrEqual(t, len(many), most)
		for _, p := range append(append(one, form...), many...) {
			require.Equal(t, p.OK, p.Fault == geo.Outcome{}, "%+v", p)
			if p.OK {
				require.Less(t, p.Fix.TS, int64(1)<<53)
				require.Greater(t, p.Fix.TS, -time.Duration(1<<62).Milliseconds()*1000)
			}
		}
	})
}
