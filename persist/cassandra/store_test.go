package cassandra

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
	"hyperlocal/persist/storetest"
)

func TestStore(t *testing.T) {
	url := shared(t)
	storetest.Run(t, func(t testing.TB) persist.Store { return openStore(t, url) })
}

// created are the keyspaces of this run, for TestMain to drop.
var created struct {
	sync.Mutex
	node  string
	names []string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if len(created.names) > 0 {
		if err := drop(created.node, created.names); err != nil {
			fmt.Fprintln(os.Stderr, "dropping the keyspaces of the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func drop(node string, keyspaces []string) error {
	cluster := gocql.NewCluster(node)
	cluster.Timeout = time.Minute
	session, err := cluster.CreateSession()
	if err != nil {
		return err
	}
	defer session.Close()
	for _, name := range keyspaces {
		if err := session.Query("DROP KEYSPACE IF EXISTS " + name).Exec(); err != nil {
			return err
		}
	}
	return nil
}

// fresh returns the URL of a keyspace of a new name, which does not exist yet
// and is dropped when the tests are over.
func fresh(t testing.TB) string {
	t.Helper()
	node := testenv.Cassandra(t)
	name := "hyperlocal_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	created.Lock()
	defer created.Unlock()
	created.node, created.names = node, append(created.names, name)
	return fmt.Sprintf("cassandra://%s/%s?timeout=20s", node, name)
}

// shared returns the URL of the one keyspace that all tests use that need no
// other: making one takes seconds.
func shared(t testing.TB) string {
	t.Helper()
	sharedOnce.Do(func() { sharedName = fresh(t) })
	return sharedName
}

var (
	sharedOnce sync.Once
	sharedName string
)

// openStore opens the keyspace of url until the test ends.
func openStore(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
