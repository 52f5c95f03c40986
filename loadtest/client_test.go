package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/inplace"
	"hyperlocal/problem"
)

// handled has a function answer a client's requests.
func handled(h http.HandlerFunc) http.RoundTripper { return inplace.Transport(h) }

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

func TestClientDo(t *testing.T) {
	c := NewClient("http://server/", handled(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/v1/things", r.URL.Path)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.JSONEq(t, `{"name":"onion"}`, string(body))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":7}`)
	}))
	var got struct{ ID int }
	require.NoError(t, c.Do(t.Context(), "POST", "/v1/things", map[string]string{"name": "onion"}, &got))
	require.Equal(t, 7, got.ID)
}

func TestClientRepeats(t *testing.T) {
	for name, tc := range map[string]struct {
		statuses   []int // of the replies in turn
		retryAfter string
		tries      int
		wantStatus int // of the error, 0 for none
		waits      time.Duration
	}{
		"until it works":            {[]int{503, 500, 200}, "", 3, 0, 0},
		"four times at most":        {[]int{503, 503, 503, 503, 200}, "", 4, 503, 0},
		"when the server says":      {[]int{429, 200}, "3", 2, 0, 3 * time.Second},
		"not for as long as that":   {[]int{503, 200}, "3600", 1, 503, 0},
		"not what it has no use of": {[]int{400, 200}, "", 1, 400, 0},
		"not a conflict":            {[]int{409, 200}, "1", 1, 409, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, keys := 0, map[string]bool{}
				c := NewClient("http://server", handled(func(w http.ResponseWriter, r *http.Request) {
					status := tc.statuses[tries]
					tries++
					keys[r.Header.Get("Idempotency-Key")] = true
					if status == 200 {
						fmt.Fprint(w, `{}`)
						return
					}
					if tc.retryAfter != "" {
						w.Header().Set("Retry-After", tc.retryAfter)
					}
					problem.Write(w, problem.New(status, "test", "No").WithField("lines[2].units", "too many"))
				}))
				start := time.Now()
				err := c.Do(t.Context(), "POST", "/", struct{}{}, nil)
				require.Equal(t, tc.tries, tries)
				require.Len(t, keys, 1, "one key for all tries")
				require.NotContains(t, keys, "")
				require.GreaterOrEqual(t, time.Since(start), tc.waits)
				require.LessOrEqual(t, time.Since(start), maxElapsed)
				if tc.wantStatus == 0 {
					require.NoError(t, err)
					return
				}
				var p *problem.Problem
				require.ErrorAs(t, err, &p)
				require.Equal(t, tc.wantStatus, p.Status)
				require.Equal(t, "lines[2].units", p.Field)
			})
		})
	}
}

func TestClientWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClient("http://server", broken{})
		require.ErrorContains(t, c.Do(t.Context(), "GET", "/v1/zones", nil, nil), "GET /v1/zones")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, c.Do(ctx, "GET", "/v1/zones", nil, nil), context.Canceled)
	})
}

func TestClientReplyThatIsNoProblem(t *testing.T) {
	c := NewClient("http://server", handled(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>404</h1>", http.StatusNotFound)
	}))
	var p *problem.Problem
	require.ErrorAs(t, c.Do(t.Context(), "GET", "/", nil, nil), &p)
	require.Equal(t, 404, p.Status)
	require.Equal(t, "Not Found", p.Title)
}

// Two calls one after the other use one connection of a real server.
func TestClientKeepsItsConnection(t *testing.T) {
	remotes := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remotes[r.RemoteAddr] = true
		problem.Write(w, problem.NotFound)
	}))
	defer srv.Close()
	c := NewClient(srv.URL, nil)
	defer c.CloseIdle()
	for range 3 {
		require.Error(t, c.Do(t.Context(), "GET", "/", nil, nil))
	}
	require.Len(t, remotes, 1)
}

func TestSenderBatchesAndCounts(t *testing.T) {
	var sizes []int
	s := NewSender(NewClient("http://server", handled(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/v1/locations", r.URL.Path)
		var pings []Ping
		require.NoError(t, json.NewDecoder(r.Body).Decode(&pings))
		sizes = append(sizes, len(pings))
		fmt.Fprintf(w, `{"verdicts":{"accepted":%d,"late":1},"rejected":[{"index":3,"verdict":"invalid","field":"lat","detail":"x"}]}`, len(pings)-2)
	})))
	pings := make([]Ping, 2300)
	got, err := s.Send(t.Context(), pings)
	require.NoError(t, err)
	require.Equal(t, []int{1000, 1000, 300}, sizes)
	require.Equal(t, map[string]int{"accepted": 2294, "late": 3}, got.Verdicts)
	require.Len(t, got.Rejected, 3)
	require.Equal(t, Rejection{Index: 1003, Verdict: "invalid", Field: "lat", Detail: "x"}, got.Rejected[1])

	_, err = s.Send(t.Context(), pings[:10])
	require.NoError(t, err)
	require.Equal(t, Totals{Verdicts: map[string]int{"accepted": 2302, "late": 4}}, s.Totals())
}

func TestSenderCountsWhatFailed(t *testing.T) {
	calls := 0
	s := NewSender(NewClient("http://server", handled(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls > 1 {
			problem.Write(w, problem.TooLarge)
			return
		}
		fmt.Fprint(w, `{"verdicts":{"accepted":1000},"rejected":[]}`)
	})))
	got, err := s.Send(t.Context(), make([]Ping, 2500))
	require.Error(t, err)
	require.Equal(t, map[string]int{"accepted": 1000}, got.Verdicts, "what was taken before")
	require.Equal(t, Totals{Verdicts: map[string]int{"accepted": 1000}, Failed: 1500}, s.Totals())
}

// The wire's names, as the API's description has them.
func TestPingOnTheWire(t *testing.T) {
	b, err := json.Marshal(Ping{"partner-0001", 12.97, 77.59, 1772352000000, 5.5, 4.2, 90})
	require.NoError(t, err)
	require.JSONEq(t, `{"driver_id":"partner-0001","lat":12.97,"lon":77.59,"ts":1772352000000,
		"accuracy_m":5.5,"speed_mps":4.2,"bearing_deg":90}`, string(b))
}
