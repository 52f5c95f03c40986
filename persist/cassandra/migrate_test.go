package cassandra

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
)

func TestSeveralServersMigrateAtOnce(t *testing.T) {
	url := fresh(t)
	var wg sync.WaitGroup
	stores := make([]*Store, 4)
	for i := range stores {
		wg.Go(func() {
			s, err := Open(t.Context(), url, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	wg.Wait()
	for i, s := range stores {
		require.NotNil(t, s)
		require.NoError(t, s.PutDarkStores(t.Context(), []persist.DarkStore{{ID: fmt.Sprint("S", i)}}))
	}
	for _, s := range stores {
		all, err := s.DarkStores(t.Context())
		require.NoError(t, err)
		require.Len(t, all, len(stores), "all have the same tables")
		require.NoError(t, s.Close())
	}
	var applied, locks int
	session := sessionOf(t, url)
	require.NoError(t, session.Query(`SELECT count(*) FROM schema_migrations`).Scan(&applied))
	require.NoError(t, session.Query(`SELECT count(*) FROM schema_lock`).Scan(&locks))
	files, err := migrationFiles.ReadDir("migrations")
	require.NoError(t, err)
	require.Equal(t, len(files), applied)
	require.Zero(t, locks, "the lock is given back")
}

// emptyKeyspace makes a keyspace without tables.
func emptyKeyspace(t *testing.T) (url string, set settings, in *session) {
	t.Helper()
	url = fresh(t)
	set, err := parseURL(url)
	require.NoError(t, err)
	outside, err := connect(t.Context(), set, "")
	require.NoError(t, err)
	defer outside.Close()
	require.NoError(t, ensureKeyspace(t.Context(), outside, set, false))
	return url, set, sessionOf(t, url)
}

func TestMigrateFromHalfway(t *testing.T) {
	// A server was killed after two statements, and its lock is still there.
	url, set, session := emptyKeyspace(t)
	lock, err := acquire(t.Context(), session, set.keyspace, lockTTL)
	require.NoError(t, err)
	script, err := migrationFiles.ReadFile("migrations/0001_record.cql")
	require.NoError(t, err)
	for _, statement := range statements(string(script))[:2] {
		require.NoError(t, lock.execute(t.Context(), statement))
	}

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = Open(short, url, Options{})
	require.ErrorIs(t, err, persist.ErrUnavailable)
	require.ErrorContains(t, err, "the schema's lock")

	lock.release(t.Context())
	require.NoError(t, openStore(t, url).Ping(t.Context()))
	require.ErrorContains(t, lock.execute(t.Context(), "CREATE TABLE never (id int PRIMARY KEY)"), "lost to another server")
}

// A keyspace of the version before keeps what is in it.
func TestMigrateFromTheVersionBefore(t *testing.T) {
	url, set, session := emptyKeyspace(t)
	files, err := migrationFiles.ReadDir("migrations")
	require.NoError(t, err)
	lock, err := acquire(t.Context(), session, set.keyspace, lockTTL)
	require.NoError(t, err)
	require.NoError(t, lock.execute(t.Context(), schemaMigrations))
	for i, file := range files[:len(files)-1] {
		require.NoError(t, lock.apply(t.Context(), i+1, file.Name()))
	}
	lock.release(t.Context())
	require.NoError(t, session.Query(`INSERT INTO dark_stores (everything, store_id, name, lat, lon, is_open)
		VALUES (0, 'S1', 'Domlur', 12.9, 77.6, true)`).Exec())

	s := openStore(t, url)
	version, err := schemaVersion(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, len(files), version)
	stores, err := s.DarkStores(t.Context())
	require.NoError(t, err)
	require.Equal(t, []persist.DarkStore{{ID: "S1", Name: "Domlur", Lat: 12.9, Lon: 77.6, Open: true}}, stores)
}

func TestOpenOfAnExistingKeyspaceMakesNone(t *testing.T) {
	url := fresh(t)
	for range 2 {
		_, err := Open(t.Context(), url, Options{Existing: true})
		require.ErrorContains(t, err, "there is no keyspace hyperlocal_test_")
		require.NotErrorIs(t, err, persist.ErrUnavailable)
	}
	openStore(t, url)
	s, err := Open(t.Context(), url, Options{Existing: true})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestLockOutlastsAStatement executes a statement for longer than the lock lasts, while
// another server waits for it.
func TestLockOutlastsAStatement(t *testing.T) {
	t.Parallel() // most of its time is waiting
	url, node := shared(t), testenv.Cassandra(t)
	openStore(t, url)
	set, err := parseURL(url)
	require.NoError(t, err)
	line := testenv.NewLine(t, node)
	slow, other := sessionOf(t, strings.Replace(url, node, line.Addr, 1)), sessionOf(t, url)
	lock, err := acquire(t.Context(), slow, set.keyspace, 3*time.Second)
	require.NoError(t, err)
	line.Delay(time.Second)

	taken := make(chan error, 1)
	go func() {
		second, err := acquire(t.Context(), other, set.keyspace, lockTTL)
		if err == nil {
			second.release(t.Context())
		}
		taken <- err
	}()
	start := time.Now()
	for time.Since(start) < 2*lock.ttl {
		require.NoError(t, lock.execute(t.Context(), "CREATE TABLE IF NOT EXISTS slowly (id int PRIMARY KEY)"))
	}
	require.Empty(t, taken, "it is still held")
	lock.release(t.Context())
	require.NoError(t, <-taken)
}

// A server may be killed between a statement and the note of it.
func TestMigrationsDoNoHarmAgain(t *testing.T) {
	url := fresh(t)
	openStore(t, url)
	require.NoError(t, sessionOf(t, url).Query(`TRUNCATE schema_migrations`).Exec())
	require.NoError(t, openStore(t, url).Ping(t.Context()))
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	url := fresh(t)
	openStore(t, url)
	require.NoError(t, sessionOf(t, url).Query(`INSERT INTO schema_migrations (everything, version) VALUES (0, 1000)`).Exec())
	_, err := Open(t.Context(), url, Options{})
	require.ErrorIs(t, err, ErrNewer)
	require.ErrorContains(t, err, "version 1000")
	require.NotErrorIs(t, err, persist.ErrUnavailable)
}

func TestReplication(t *testing.T) {
	url := shared(t)
	openStore(t, url)
	s, err := Open(t.Context(), url+"&replication=1", Options{})
	require.NoError(t, err, "what it has")
	require.NoError(t, s.Close())
	_, err = Open(t.Context(), url+"&replication=2", Options{})
	require.ErrorContains(t, err, "not replication=2")
	require.ErrorContains(t, err, "ALTER KEYSPACE")

	// More copies than there are nodes: no majority.
	_, err = Open(t.Context(), fresh(t)+"&replication=3", Options{})
	require.ErrorIs(t, err, persist.ErrUnavailable)
	require.ErrorContains(t, err, "Cannot achieve consistency level")
}

func TestAKeyspaceMadeByHandIsUsedAsItIs(t *testing.T) {
	url := fresh(t)
	set, err := parseURL(url)
	require.NoError(t, err)
	outside, err := connect(t.Context(), set, "")
	require.NoError(t, err)
	defer outside.Close()
	var dc string
	require.NoError(t, outside.Query("SELECT data_center FROM system.local").Scan(&dc))
	require.NoError(t, outside.Query(fmt.Sprintf(
		"CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': 1}", set.keyspace, dc)).Exec())

	require.NoError(t, openStore(t, url+"&dc="+dc).Ping(t.Context()))
	has, err := replicationOf(t.Context(), outside, set.keyspace)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", dc: "1"}, has)

	_, err = Open(t.Context(), url+"&dc=elsewhere", Options{})
	require.ErrorContains(t, err, "no node is in data centre elsewhere, they are in "+dc)
}

// sessionOf connects to the keyspace of url until the test ends.
func sessionOf(t *testing.T, url string) *session {
	t.Helper()
	testenv.Cassandra(t)
	set, err := parseURL(url)
	require.NoError(t, err)
	session, err := connect(t.Context(), set, set.keyspace)
	require.NoError(t, err)
	t.Cleanup(session.Close)
	return session
}
