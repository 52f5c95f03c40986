package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
	"hyperlocal/problem"
)

// limitedHandler has a clock that the test sets.
func limitedHandler(l Limits, at *time.Time) *Handler {
	return New(discarding{}, Options{Limits: l, Now: func() time.Time { return *at }})
}

// postWith sends pings with headers, and returns the problem if there is one, with its
// Retry-After.
func postWith(h *Handler, body string, header ...string) (answer, *problem.Problem, string) {
	e := echo.New()
	var refused *problem.Problem
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		_ = errors.As(err, &refused) // all of the handler's are
		problem.Write(c.Response(), refused)
	}
	h.Register(e)
	req := httptest.NewRequest(http.MethodPost, "/v1/locations", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	var a answer
	_ = json.Unmarshal(rec.Body.Bytes(), &a) // a problem has none of it
	return a, refused, rec.Header().Get("Retry-After")
}

func pingsOf(driver string, n int) string {
	var list []string
	for i := range n {
		list = append(list, pingJSON(driver, now.UnixMilli()+int64(i)))
	}
	return strings.Join(list, ",")
}

func TestDriverLimit(t *testing.T) {
	at := now
	h := limitedHandler(Limits{DriverRate: 0.5, DriverBurst: 4}, &at)
	a, refused, _ := postWith(h, "["+pingsOf("a", 3)+","+pingsOf("b", 1)+"]")
	require.Nil(t, refused)
	require.Equal(t, map[string]int{"accepted": 4}, a.Verdicts)

	a, refused, after := postWith(h, "["+pingsOf("a", 3)+","+pingsOf("b", 1)+`,{"driver_id":1}]`)
	require.Nil(t, refused, "others are not to suffer")
	require.Equal(t, map[string]int{"accepted": 2, "limited": 2, "invalid": 1}, a.Verdicts)
	require.Equal(t, rejection{1, "limited", "driver_id", "sends too many pings; come back in 2 s"}, a.Rejected[0])

	require.Equal(t, "2", after)

	_, refused, after = postWith(h, pingsOf("a", 1))
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	require.Equal(t, "2", after)
	require.EqualValues(t, 3, h.Counts()[geo.Limited])
	require.EqualValues(t, 6, h.Counts()[geo.Accepted])

	at = at.Add(2 * time.Second)
	_, refused, _ = postWith(h, pingsOf("a", 1))
	require.Nil(t, refused)
}

// Of a batch of any size a sender learns of each ping that it may send again.
func TestLimitedPingsAreTold(t *testing.T) {
	at := now
	h := limitedHandler(Limits{DriverRate: 1, DriverBurst: 200}, &at)
	body := "[" + strings.Join([]string{pingsOf("a", 500), pingsOf("b", 200), pingsOf("a", 1), pingsOf("c", 300)}, ",") + "]"
	rec, err := postEncoded(h, "application/json", "", strings.NewReader(body))
	require.NoError(t, err)
	var told struct {
		Verdicts map[string]int
		Rejected []rejection
		Limited  [][2]int
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &told))
	require.Equal(t, map[string]int{"accepted": 600, "limited": 401}, told.Verdicts)
	require.Len(t, told.Rejected, maxListed)
	require.Equal(t, [][2]int{{200, 499}, {700, 700}, {901, 1000}}, told.Limited)

	w := work{}
	for _, v := range []geo.Verdict{geo.Limited, geo.Limited, geo.Accepted, geo.Limited} {
		w.tally.add(&geo.Outcome{Verdict: v})
	}
	require.Equal(t, []pingpb.Range{{First: 0, Last: 1}, {First: 3, Last: 3}}, w.tally.limited)
	w.tally.told()
	w.tally.add(&geo.Outcome{Verdict: geo.Limited})
	a := w.tally.protobuf(0)
	require.Equal(t, []pingpb.Range{{First: 4, Last: 4}}, a.Limited, "of a stream since its start")
}

func TestTokenLimit(t *testing.T) {
	at := now
	h := limitedHandler(Limits{TokenRate: 2, TokenBurst: 3}, &at)
	for _, header := range [][]string{{"Authorization", "Bearer one"}, {"X-API-Key", "two"}} {
		_, refused, _ := postWith(h, "["+pingsOf("a", 3)+"]", header...)
		require.Nil(t, refused)
		_, refused, after := postWith(h, "["+pingsOf("a", 2)+"]", header...)
		require.Equal(t, http.StatusTooManyRequests, refused.Status)
		require.Equal(t, "1", after)
	}
	require.EqualValues(t, 2, h.Refused())
	require.EqualValues(t, 4, h.Counts()[geo.Limited], "pings, too, are counted")
	_, refused, _ := postWith(h, "["+pingsOf("a", 4)+"]", "X-API-Key", "three")
	require.Equal(t, http.StatusRequestEntityTooLarge, refused.Status, "more than there is ever room for")
	for _, header := range [][]string{nil, {"Authorization", "Basic eDp5"}, {"Authorization", "bearer  four "}} {
		_, refused, _ := postWith(h, "["+pingsOf("a", 3)+"]", header...)
		require.Nil(t, refused)
	}
	_, refused, _ = postWith(h, pingsOf("a", 1), "Authorization", "Bearer four")
	require.NotNil(t, refused, "the same token however it is written")
}

// Who shows no token shares a limit with all others of the address.
func TestAddressLimit(t *testing.T) {
	at, address := now, "192.0.2.1"
	h := limitedHandler(Limits{
		TokenRate: 1, TokenBurst: 3, AddressRate: 1, AddressBurst: 3,
		AddressOf: func(*http.Request) string { return address },
	}, &at)
	status := func(pings int, header ...string) int {
		_, refused, _ := postWith(h, "["+pingsOf("a", pings)+"]", header...)
		if refused == nil {
			return http.StatusOK
		}
		return refused.Status
	}
	require.Equal(t, http.StatusOK, status(3))
	require.Equal(t, http.StatusTooManyRequests, status(1))
	require.Equal(t, http.StatusOK, status(3, "X-API-Key", "one"), "a token has its own")
	require.Equal(t, http.StatusTooManyRequests, status(1, "X-API-Key", "one"))
	address = "2001:db8:1:2::3"
	require.Equal(t, http.StatusOK, status(3))
	address = "2001:db8:1:2:ffff::4%eth0"
	require.Equal(t, http.StatusTooManyRequests, status(1), "a subscriber has many addresses of IPv6")
	address = "2001:db8:1:3::3"
	require.Equal(t, http.StatusOK, status(3))
	address = "::ffff:192.0.2.2"
	require.Equal(t, http.StatusOK, status(3))
	address = "::ffff:192.0.2.3"
	require.Equal(t, http.StatusOK, status(3), "these are of IPv4")
}

// What is being taken in has a bound, and what is over it is refused at once.
func TestBusyLimit(t *testing.T) {
	h := New(discarding{}, Options{MaxBytes: 1000, Limits: Limits{BusyBytes: 1500}})
	e := echo.New()
	slow, write := io.Pipe()
	req := httptest.NewRequest(http.MethodPost, "/v1/locations", slow)
	done := make(chan error)
	go func() { done <- h.Locations(e.NewContext(req, httptest.NewRecorder())) }()
	_, err := io.WriteString(write, "["+strings.Repeat(" ", 800))
	require.NoError(t, err)
	_, err = io.WriteString(write, " ") // the others have been read
	require.NoError(t, err)

	large := "[" + pingsOf("a", 14) + "]"
	_, refused, after := postWith(h, large)
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	require.Equal(t, "1", after)
	_, refused, _ = postWith(h, string(gzipped(t, large)), "Content-Encoding", "gzip")
	require.Equal(t, http.StatusTooManyRequests, refused.Status, "it inflates to as much")
	require.EqualValues(t, 2, h.Refused())
	_, refused, _ = postWith(h, pingsOf("a", 1))
	require.Nil(t, refused, "there is room for a small one")

	_, err = io.WriteString(write, pingsOf("a", 1)+"]")
	require.NoError(t, err)
	require.NoError(t, write.Close())
	require.NoError(t, <-done)
	_, refused, _ = postWith(h, large)
	require.Nil(t, refused)
	require.Zero(t, h.limits.busy.Load())
}

// Whoever is slow to send keeps nobody out.
func TestSlowUploadsTakeNoRoom(t *testing.T) {
	h := New(discarding{}, Options{})
	e := echo.New()
	h.Register(e)
	server := httptest.NewServer(e)
	defer server.Close()
	const uploads = 200
	for range uploads {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "POST /v1/locations HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 4000000\r\n\r\n\x1f")
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return h.limits.busy.Load() == uploads }, 10*time.Second, time.Millisecond, "all of them are being read")
	res, err := http.Post(server.URL+"/v1/locations", "application/json", strings.NewReader(pingsOf("a", 1)))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// However many senders there are, limits take what they take.
func TestLimitsTakeNoMoreMemory(t *testing.T) {
	at := now
	h := limitedHandler(Limits{DriverRate: 1, DriverBurst: 10, TokenRate: 1, TokenBurst: 10}, &at)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 200_000 {
		h.limits.driver([]Ping{{OK: true, Fix: geo.Fix{DriverID: fmt.Sprint("d", i)}}}, at)
		_ = h.limits.tokens.table.Take(fmt.Sprint("t", i), 1, at)
	}
	require.Less(t, heap(), before+1<<20)
}
