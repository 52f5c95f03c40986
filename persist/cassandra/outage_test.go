package cassandra

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
	"hyperlocal/persist/storetest"
)

// TestUnreachable wants a clear error, and soon.
func TestUnreachable(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	require.NoError(t, err)
	defer silent.Close()
	for name, host := range map[string]string{"refused": "127.0.0.1:1", "silent": silent.Addr().String(), "unknown": "no-such-host.invalid"} {
		start := time.Now()
		_, err := Open(t.Context(), "cassandra://"+host+"/ks?timeout=300ms", Options{})
		require.ErrorIs(t, err, persist.ErrUnavailable, name)
		require.ErrorContains(t, err, host)
		require.Less(t, time.Since(start), 20*time.Second, name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = Open(ctx, "cassandra://"+silent.Addr().String()+"/ks", Options{})
	require.ErrorIs(t, err, persist.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 5*time.Second, "the context counts, not the timeout")
}

// TestOutage cuts the connection to a real node, as a killed one does: every
// call fails with ErrUnavailable at once, and succeeds when the node is back.
func TestOutage(t *testing.T) {
	url := shared(t)
	direct := openStore(t, url)
	node := testenv.Cassandra(t)
	line := testenv.NewLine(t, node)
	s := openStore(t, strings.Replace(url, node, line.Addr, 1))
	require.NoError(t, s.Ping(t.Context()))

	writing := make(chan error)
	go func() { // until the connection is cut in the middle
		for i := 0; ; i++ {
			err := s.AppendMovements(t.Context(), []persist.Movement{{StoreID: "outage:" + line.Addr, Seq: int64(i + 1), ProductID: "p"}})
			if err != nil {
				writing <- fmt.Errorf("movement %d: %w", i+1, err)
				return
			}
			if i == 20 {
				go line.Cut()
			}
		}
	}()
	require.ErrorIs(t, <-writing, persist.ErrUnavailable)
	storetest.RequireUnavailable(t, s)
	ms, err := direct.Movements(t.Context(), "outage:"+line.Addr, 0, 1000)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(ms), 20, "what was acknowledged is there")

	line.Restore(t)
	require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, s.AppendMovements(t.Context(), ms), "the same rows again")
	again, err := s.Movements(t.Context(), "outage:"+line.Addr, 0, 1000)
	require.NoError(t, err)
	require.Equal(t, ms, again)
}

// TestCancelledConnection: the driver's own cancelling is an outage, the caller's
// is not.
func TestCancelledConnection(t *testing.T) {
	s := &Store{}
	err := s.call(t.Context(), "write", func() error { return context.Canceled })
	require.ErrorIs(t, err, persist.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	err = s.call(ctx, "write", func() error { cancel(); return context.Canceled })
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, persist.ErrUnavailable)
}

// TestTimeToLive asks the cluster when tracks and their index will be gone.
func TestTimeToLive(t *testing.T) {
	url := shared(t)
	session := sessionOf(t, url)
	for _, c := range []struct {
		retention time.Duration
		low, high int // of the rows' time to live, seconds; 0: none
	}{{0, 30*86400 - 60, 30 * 86400}, {48 * time.Hour, 2*86400 - 60, 2 * 86400}, {KeepForever, 0, 0}} {
		s, err := Open(t.Context(), url, Options{Retention: c.retention})
		require.NoError(t, err)
		row := persist.TrackRow{DriverID: fmt.Sprint("ttl", c.retention), Zone: "z", Fixes: 1}
		require.NoError(t, s.WriteTracks(t.Context(), []persist.TrackRow{row}))
		require.NoError(t, s.Close())
		var track *int
		require.NoError(t, session.Query(`SELECT TTL(path) FROM tracks WHERE zone = 'z' AND slice = ? AND hour_start_ms = 0 AND driver_id = ?`,
			slice(row.DriverID, trackSlices), row.DriverID).Scan(&track))
		if c.high == 0 {
			require.Nil(t, track)
			continue
		}
		require.NotNil(t, track)
		require.True(t, c.low <= *track && *track <= c.high, "%d", *track)
	}
}

// TestClosedReservationsExpire asks the cluster, too: an open one stays, whatever
// was written before, and a closed one goes.
func TestClosedReservationsExpire(t *testing.T) {
	url := shared(t)
	s := openStore(t, url)
	session := sessionOf(t, url)
	open := persist.Reservation{StoreID: t.Name(), ID: "r", Seq: 5, State: "open"}
	ttl := func() (seconds *int) {
		require.NoError(t, session.Query(`SELECT TTL(state) FROM reservations WHERE store_id = ? AND slice = ? AND reservation_id = ?`,
			open.StoreID, slice(open.ID, reservationSlices), open.ID).Scan(&seconds))
		return seconds
	}
	require.NoError(t, s.PutReservations(t.Context(), []persist.Reservation{open}))
	require.Nil(t, ttl())
	closed := open
	closed.Seq, closed.State, closed.ClosedTS = 6, "released", 1
	require.NoError(t, s.PutReservations(t.Context(), []persist.Reservation{closed}))
	require.InDelta(t, closedTTL, *ttl(), 60)
}
