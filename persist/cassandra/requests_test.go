package cassandra

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// openChanged opens the keyspace of url with a session that is changed for a test.
func openChanged(t *testing.T, url string, change func(*gocql.ClusterConfig)) *Store {
	t.Helper()
	s := openStore(t, url)
	set, err := parseURL(url)
	require.NoError(t, err)
	cluster, nodes := set.cluster(set.keyspace)
	change(cluster)
	changed, err := cluster.CreateSession()
	require.NoError(t, err)
	s.session.Close()
	s.session = &session{changed, nodes, set.timeout}
	return s
}

// queries counts the requests that read.
type queries struct{ atomic.Int64 }

func (q *queries) ObserveQuery(context.Context, gocql.ObservedQuery) { q.Add(1) }

// TestRequestsOfADay: a driver works for ten hours on the border of two zones, and his
// day is read by a handful of requests.
func TestRequestsOfADay(t *testing.T) {
	var asked queries
	s := openChanged(t, shared(t), func(c *gocql.ClusterConfig) { c.QueryObserver = &asked })
	const day, hours, bucketsInHour = 1_800_057_600_000, 10, 120
	var rows []persist.TrackRow
	for i := range hours * bucketsInHour {
		start := day + 6*hourMS + int64(i)*hourMS/bucketsInHour
		rows = append(rows, persist.TrackRow{
			DriverID: "busy:" + t.Name(), Zone: fmt.Sprint("zone ", i%2), BucketStart: start,
			FirstTS: start, LastTS: start + 29_000, Fixes: 10,
		})
	}
	require.Zero(t, day%dayMS)
	require.NoError(t, s.WriteTracks(t.Context(), rows))
	asked.Store(0)
	got, err := s.TrackRows(t.Context(), rows[0].DriverID, day, day+dayMS-1)
	require.NoError(t, err)
	require.Len(t, got, len(rows))
	require.Positive(t, asked.Load())
	require.LessOrEqual(t, asked.Load(), int64(25))
}

// TestPartitionOfTracks: what 10,000 drivers at work in a zone leave behind in an hour
// lies in partitions of some 10 MB.
func TestPartitionOfTracks(t *testing.T) {
	const drivers, bucketsInHour = 10_000, 120
	tracks := (&Store{}).tracksTable()
	rows := make([]persist.TrackRow, drivers)
	for i := range rows {
		rows[i] = persist.TrackRow{
			DriverID: fmt.Sprintf("driver-%07d", i*7919), Zone: "zone",
			Path: strings.Repeat("p", 70), Times: strings.Repeat("t", 30), Speeds: strings.Repeat("s", 20), // of ten fixes
		}
	}
	bytes := map[int64]int{} // of each slice
	for batch := range tracks.batches(tracks.sorted(nil, allPlaced(rows))) {
		for _, r := range batch {
			require.True(t, tracks.samePartition(batch[0], r))
			bytes[slice(r.DriverID, trackSlices)] += tracks.bytes(r) * bucketsInHour
		}
	}
	require.Len(t, bytes, trackSlices)
	for slice, n := range bytes {
		require.InDelta(t, 10e6, n, 25e5, "slice %d", slice)
	}
}

// unrouted notes the statements that say nothing of their partition, so that any node is
// asked, which has to ask another.
type unrouted struct {
	gocql.HostSelectionPolicy

	mu         sync.Mutex
	statements []string
}

func (u *unrouted) Pick(q gocql.ExecutableQuery) gocql.NextHost {
	if q != nil {
		if key, err := q.GetRoutingKey(); err != nil || key == nil {
			u.mu.Lock()
			defer u.mu.Unlock()
			switch q := q.(type) {
			case *gocql.Query:
				u.statements = append(u.statements, q.Statement())
			case *gocql.Batch:
				u.statements = append(u.statements, q.Entries[0].Stmt)
			}
		}
	}
	return u.HostSelectionPolicy.Pick(q)
}

func TestRequestsGoToTheirPartition(t *testing.T) {
	var seen *unrouted
	s := openChanged(t, shared(t), func(c *gocql.ClusterConfig) {
		seen = &unrouted{HostSelectionPolicy: c.PoolConfig.HostSelectionPolicy}
		c.PoolConfig.HostSelectionPolicy = seen
	})
	ctx, id := t.Context(), t.Name()
	require.NoError(t, s.Ping(ctx))
	require.NoError(t, s.WriteTracks(ctx, []persist.TrackRow{{DriverID: id, Zone: "z", Fixes: 1}}))
	_, err := s.TrackRows(ctx, id, 0, (fewDays+1)*dayMS)
	require.NoError(t, err)
	require.NoError(t, s.AppendMovements(ctx, []persist.Movement{{StoreID: id, Seq: 1, ProductID: "p"}}))
	_, err = s.Movements(ctx, id, 0, 10)
	require.NoError(t, err)
	require.NoError(t, s.PutOrder(ctx, persist.Order{ID: id, Version: 1}, []persist.OrderEvent{{OrderID: id, Seq: 1}}))
	_, _, err = s.Order(ctx, id)
	require.NoError(t, err)
	require.NoError(t, s.PutProducts(ctx, []persist.Product{{ID: id}}))
	_, err = s.ProductsByID(ctx, []string{id})
	require.NoError(t, err)
	_, err = s.Products(ctx, "", 1)
	require.NoError(t, err)
	require.NoError(t, s.PutDarkStores(ctx, []persist.DarkStore{{ID: id}}))
	_, err = s.DarkStores(ctx)
	require.NoError(t, err)
	require.NoError(t, s.ScanTracks(ctx, 0, 1000, func([]persist.TrackRow, float64) error { return nil }))
	seen.mu.Lock()
	defer seen.mu.Unlock()
	require.Empty(t, seen.statements)
}
