package cassandra

import (
	"errors"
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

// openPatiently opens a keyspace over a line that is cut.
func openPatiently(t *testing.T, url string) (*Store, *testenv.Line) {
	t.Helper()
	node := testenv.Cassandra(t)
	line := testenv.NewLine(t, node)
	line.Cut()
	s, err := Open(t.Context(), strings.Replace(url, node, line.Addr, 1), Options{Patient: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, line
}

// TestPatient: who may wait opens a cluster that cannot be reached, and its calls
// succeed, also those of many at once, when it can.
func TestPatient(t *testing.T) {
	s, line := openPatiently(t, fresh(t))
	storetest.RequireUnavailable(t, s)
	err := s.Ping(t.Context())
	require.ErrorContains(t, err, line.Addr)
	require.ErrorContains(t, err, "connection refused", "the operator wants the reason")

	const callers = 4
	done := make(chan error, callers)
	for range callers {
		go func() {
			for {
				if err := s.Ping(t.Context()); err == nil || !unavailable(err) {
					done <- err
					return
				}
			}
		}()
	}
	line.Restore(t)
	for range callers {
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			t.Fatal("it does not connect")
		}
	}
	ms := []persist.Movement{{StoreID: "patient", Seq: 1, ProductID: "p"}}
	require.NoError(t, s.AppendMovements(t.Context(), ms), "there are tables")
	got, err := s.Movements(t.Context(), "patient", 0, 10)
	require.NoError(t, err)
	require.Equal(t, ms, got)

	line.Cut() // from now on it is as if it had been there all the time
	require.Eventually(t, func() bool { return s.Ping(t.Context()) != nil }, time.Minute, 10*time.Millisecond)
	storetest.RequireUnavailable(t, s)
	line.Restore(t)
	require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
}

func unavailable(err error) bool { return errors.Is(err, persist.ErrUnavailable) }

// Close does not wait for a cluster, whether it refuses or says nothing.
func TestCloseWhileConnecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	require.NoError(t, err)
	defer silent.Close()
	asked := make(chan struct{}, 100)
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			asked <- struct{}{}
		}
	}()
	for name, host := range map[string]string{"refused": "127.0.0.1:1", "silent": silent.Addr().String()} {
		s, err := Open(t.Context(), fmt.Sprintf("cassandra://%s/ks?timeout=300ms", host), Options{Patient: true})
		require.NoError(t, err, name)
		if name == "silent" { // in the middle of the second try
			for len(asked) > 0 {
				<-asked
			}
			<-asked
		}
		start := time.Now()
		require.NoError(t, s.Close())
		require.Less(t, time.Since(start), 5*time.Second, name)
		require.NoError(t, s.Close(), "again")
		require.ErrorIs(t, s.Ping(t.Context()), persist.ErrUnavailable)
		require.ErrorContains(t, s.Ping(t.Context()), "closed")
	}
}

// What nobody's patience mends is an error of Open, also of a patient one, or, if the
// cluster is reached later, of every call.
func TestPatientRefuses(t *testing.T) {
	newer := fresh(t)
	openStore(t, newer)
	require.NoError(t, sessionOf(t, newer).Query(`INSERT INTO schema_migrations (everything, version) VALUES (0, 1000)`).Exec())
	openStore(t, shared(t))
	for name, c := range map[string]struct{ url, says string }{
		"newer schema": {newer, "version 1000"},
		"replication":  {shared(t) + "&replication=2", "not replication=2"},
		"data centre":  {shared(t) + "&dc=elsewhere", "no node is in data centre elsewhere"},
	} {
		_, err := Open(t.Context(), c.url, Options{Patient: true})
		require.ErrorContains(t, err, c.says, name)
		require.NotErrorIs(t, err, persist.ErrUnavailable, name)

		s, line := openPatiently(t, c.url)
		line.Restore(t)
		require.Eventually(t, func() bool { return !unavailable(s.Ping(t.Context())) }, time.Minute, 10*time.Millisecond, name)
		err = s.Ping(t.Context())
		require.ErrorContains(t, err, c.says, name)
		require.NotErrorIs(t, err, persist.ErrUnavailable, name)
	}
	_, err := Open(t.Context(), "cassandra://127.0.0.1:1/Not-A-Keyspace", Options{Patient: true})
	require.ErrorContains(t, err, "keyspace")
}
