package cassandra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

// attempts is how often a request is sent, to another node each time where
// there is one. Every statement of this package may be repeated.
const attempts = 3

// retry repeats what another node may answer.
type retry struct{}

func (retry) Attempt(q gocql.RetryableQuery) bool { return q.Attempts() < attempts }

func (retry) GetRetryType(err error) gocql.RetryType {
	if outage(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}

// silent drops what the driver would print: its errors are returned as well.
type silent struct{}

func (silent) Print(...any)          {}
func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// cluster is how a session in keyspace is opened, or in none if that is empty.
func (set settings) cluster(keyspace string) (*gocql.ClusterConfig, *nodes) {
	cluster := gocql.NewCluster(set.hosts...)
	cluster.Port = set.port
	cluster.Keyspace = keyspace
	cluster.ProtoVersion = 4
	cluster.Consistency = set.consistency
	cluster.SerialConsistency = gocql.LocalSerial
	cluster.Timeout = set.timeout
	cluster.ConnectTimeout = set.timeout
	cluster.WriteTimeout = set.timeout
	cluster.DefaultIdempotence = true
	cluster.RetryPolicy = retry{}
	cluster.Logger = silent{}
	// A node that is back is used again within about a second. Attempts are
	// cheap: they are refused until its port is open.
	cluster.ReconnectInterval = time.Second
	policy := gocql.RoundRobinHostPolicy()
	if set.dc != "" {
		policy = gocql.DCAwareRoundRobinPolicy(set.dc)
	}
	nodes := newNodes(policy)
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(nodes, gocql.ShuffleReplicas())
	cluster.SslOpts = set.tls
	if set.user != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: set.user, Password: set.password}
	}
	return cluster, nodes
}

// connect opens a session in keyspace, or in none if that is empty.
func connect(ctx context.Context, set settings, keyspace string) (*session, error) {
	cluster, nodes := set.cluster(keyspace)
	type result struct {
		session *gocql.Session
		err     error
	}
	done := make(chan result, 1)
	go func() {
		session, err := cluster.CreateSession()
		done <- result{session, err}
	}()
	select {
	case r := <-done:
		if r.err != nil { // the driver gives text only
			return nil, fmt.Errorf("%w: %w", persist.ErrUnavailable, r.err)
		}
		return &session{r.session, nodes, set.timeout}, nil
	case <-ctx.Done(): // the driver does not know of contexts here
		go func() {
			if r := <-done; r.err == nil {
				r.session.Close()
			}
		}()
		return nil, translate(ctx.Err())
	}
}

// enter opens a session in the keyspace, which is there. A node shows one that
// another server is just creating before it can be used, for a moment, and the
// driver does not tell that from a node that does not answer.
func enter(ctx context.Context, set settings) (*session, error) {
	const tries, pause = 10, 200 * time.Millisecond
	for try := 1; ; try++ {
		session, err := connect(ctx, set, set.keyspace)
		if err == nil || try == tries || ctx.Err() != nil {
			return session, err
		}
		wait(ctx, pause)
	}
}

// wait waits for d, or until ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// checkDC refuses a data centre that no node is in: the driver would take the
// name and talk to any node.
func checkDC(ctx context.Context, session *session, dc string) error {
	if dc == "" {
		return nil
	}
	var all []string
	for _, query := range []string{"SELECT data_center FROM system.local", "SELECT data_center FROM system.peers"} {
		rows := session.Query(query).WithContext(ctx).Consistency(gocql.LocalOne).Iter()
		var name string
		for rows.Scan(&name) {
			all = append(all, name)
		}
		if err := rows.Close(); err != nil {
			return fmt.Errorf("ask for the data centres: %w", translate(err))
		}
	}
	if !slices.Contains(all, dc) {
		slices.Sort(all)
		return fmt.Errorf("no node is in data centre %s, they are in %s", dc, strings.Join(slices.Compact(all), ", "))
	}
	return nil
}

// ensureKeyspace creates the keyspace unless it is there, or must be. It refuses one
// that has another number of copies than the URL asks for.
func ensureKeyspace(ctx context.Context, session *session, set settings, existing bool) error {
	create := fmt.Sprintf(`CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'SimpleStrategy', 'replication_factor': %d}`,
		set.keyspace, set.replication)
	has, err := replicationOf(ctx, session, set.keyspace)
	if errors.Is(err, gocql.ErrNotFound) && existing {
		return fmt.Errorf("there is no keyspace %s", set.keyspace)
	}
	if errors.Is(err, gocql.ErrNotFound) {
		if err := session.Query(create).WithContext(ctx).Exec(); err != nil {
			return fmt.Errorf("create keyspace %s: %w", set.keyspace, translate(err))
		}
		return session.AwaitSchemaAgreement(ctx)
	}
	if err != nil {
		return fmt.Errorf("look for keyspace %s: %w", set.keyspace, translate(err))
	}
	want := map[string]string{
		"class":              "org.apache.cassandra.locator.SimpleStrategy",
		"replication_factor": fmt.Sprint(set.replication),
	}
	if set.replicationAsked && !maps.Equal(has, want) {
		return fmt.Errorf("keyspace %s has replication %v, not replication=%d: leave that out of the URL, or ALTER KEYSPACE",
			set.keyspace, has, set.replication)
	}
	return nil
}

func replicationOf(ctx context.Context, session *session, keyspace string) (map[string]string, error) {
	var replication map[string]string
	// Every node knows the schema; LOCAL_ONE asks the one we talk to.
	err := session.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, keyspace).
		WithContext(ctx).Consistency(gocql.LocalOne).Scan(&replication)
	return replication, err
}
