// Package cassandra keeps the durable record in a Cassandra cluster, version 4
// or later. It is the persist.Store for many servers. docs/database.md
// describes the tables and why they have the keys they have.
//
// # Idempotence
//
// Cassandra keeps, of two values of a cell, the one with the greater write
// timestamp. The package chooses that timestamp so that the contract holds in
// whatever order writes arrive:
//
//   - rows that are replaced (tracks, products, stores): the clock;
//   - rows of which the first stays (movements, events): a clock that runs
//     backwards, see firstWins;
//   - reservations: the Seq that brought them to their state.
//
// Every such statement may therefore be repeated: it is sent to another node when one
// fails, and to a second one beside it when one is slow. An order goes from Version to
// Version by a conditional update, IF version < ?, which may be sent again, too (who
// finds his own Version there has written it), but not to two nodes at a time, which
// would contend.
//
// # Consistency
//
// Reads and writes are at LOCAL_QUORUM unless the URL says otherwise: what was
// acknowledged is read back while a majority of the copies is there.
//
// # Concurrency
//
// A call that reads many partitions has at most 8 requests under way. All calls
// together have as many batches under way as they need and the cluster's latency allows,
// see pacer. A Store's lock (mu) is held shared for the whole of a call and exclusively by
// Close, and by the goroutine that connects a patient Store: not while it tries, but for
// the moment in which it notes the session or why there is none. Close ends that goroutine
// before it takes the lock. Below it come the lane, in which nobody waits for anything
// else, and, once that is left, the pacer's leave for a batch; the lock of a seen is held
// for map look-ups only.
//
// No type of the driver is part of this package's interface.
package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
)

// Options of Open. The zero value is what a server wants.
type Options struct {
	// Retention is how long tracks are kept after they were written. 0 means
	// 30 days, and KeepForever that they are never removed.
	Retention time.Duration
	// Existing: a keyspace that is not there is refused, rather than made.
	Existing bool
	// Patient: a cluster that cannot be reached is no error of Open. The Store goes on
	// connecting, about once a second, and until then its calls fail with
	// persist.ErrUnavailable and the reason. If the cluster then turns out to be one that
	// Open refuses, they fail with that, and it tries less often.
	Patient bool
	// Lane is where rows are sorted, beside other computations that give way to requests.
	// It may be nil.
	Lane *giveway.Lane
}

// KeepForever is a Retention.
const KeepForever time.Duration = -1

// maxRetention is the longest time Cassandra counts down.
const maxRetention = 20 * 365 * 24 * time.Hour

// Store is a persist.Store in a keyspace. It is safe for concurrent use.
type Store struct {
	ttl   int // of tracks, in seconds; 0: none
	clock clock
	pace  *pacer // of batches
	lane  *giveway.Lane

	hours  *seen[driverHour]
	days   *seen[int64]
	blocks *seen[ledgerBlock]

	stopConnecting context.CancelFunc // nil if Open has connected
	connecting     sync.WaitGroup

	mu      sync.RWMutex // guards what follows
	session *session     // nil until there is one
	away    error        // why there is none yet; nil if there is
	closed  bool
}

var _ persist.Store = (*Store)(nil)

// Open connects to a cluster and brings the schema of a keyspace up to date.
// Several servers may do so at once.
//
//	cassandra://[user:password@]host[:port][,host[:port]…]/keyspace?…
//
// The port is 9042 unless named. The parameters are
//
//	replication  copies of each row if the keyspace has to be created (1)
//	consistency  of reads and writes (local_quorum)
//	dc           the data centre whose nodes to talk to while there are any (any)
//	timeout      for an answer of the cluster, and for connecting (10s)
//	tls          on, or unverified for certificates that nobody checks (none)
//	ca           file of the certificates to trust (the system's); means tls=on
//	cert, key    files of this server's certificate, where nodes ask for one
//
// A keyspace that exists stays as it is; if the URL names a replication that it
// does not have, Open refuses. A cluster that cannot be reached is
// persist.ErrUnavailable, unless Options say to be patient, a schema of a later version
// ErrNewer.
//
// ctx bounds the first try alone.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	set, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("open cassandra: %w", err)
	}
	ttl, err := opts.ttl()
	if err != nil {
		return nil, fmt.Errorf("open cassandra: %w", err)
	}
	s := &Store{
		ttl:    ttl,
		pace:   newPacer(),
		lane:   opts.Lane,
		hours:  newSeen[driverHour](indexLife, time.Now),
		days:   newSeen[int64](indexLife, time.Now),
		blocks: newSeen[ledgerBlock](indexLife, time.Now),
	}
	connect := func(ctx context.Context) (*session, error) {
		session, err := open(ctx, set, opts.Existing)
		if err != nil {
			return nil, fmt.Errorf("open cassandra keyspace %s at %s: %w", set.keyspace, strings.Join(set.hosts, ","), err)
		}
		return session, nil
	}
	s.session, err = connect(ctx)
	switch {
	case err == nil:
	case opts.Patient && errors.Is(err, persist.ErrUnavailable):
		s.keepConnecting(connect, err)
	default:
		return nil, err
	}
	return s, nil
}

// ttl returns the retention in seconds, 0 for none.
func (o Options) ttl() (int, error) {
	switch {
	case o.Retention == 0:
		return 30 * 24 * 3600, nil
	case o.Retention == KeepForever:
		return 0, nil
	case o.Retention < time.Hour || o.Retention > maxRetention-indexSlack:
		return 0, fmt.Errorf("retention %s: from an hour to less than 20 years, or KeepForever", o.Retention)
	}
	return int(o.Retention.Seconds()), nil
}

func open(ctx context.Context, set settings, existing bool) (*session, error) {
	outside, err := connect(ctx, set, "")
	if err != nil {
		return nil, err
	}
	if err = checkDC(ctx, outside, set.dc); err == nil {
		err = ensureKeyspace(ctx, outside, set, existing)
	}
	outside.Close()
	if err != nil {
		return nil, err
	}
	session, err := enter(ctx, set)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, session, set.keyspace); err != nil {
		session.Close()
		return nil, translate(err)
	}
	return session, nil
}

// Ping reads a row at the consistency of all other reads, so it fails too when
// a node answers but the copies behind it do not.
func (s *Store) Ping(ctx context.Context) error {
	return s.call(ctx, "ping", func() error {
		var version int
		return s.session.Query(`SELECT version FROM schema_migrations WHERE everything = ? AND version = 1`, everything).
			WithContext(ctx).Scan(&version)
	})
}

// Close waits for the calls under way and disconnects, or ends the connecting. Closing
// again does nothing.
func (s *Store) Close() error {
	if s.stopConnecting != nil {
		s.stopConnecting()
		s.connecting.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.session != nil {
		s.session.Close()
	}
	s.closed = true
	return nil
}

// call does what is the same in every method: it keeps Close waiting, refuses while there
// is no session, and translates errors. Only within fn is there a session.
func (s *Store) call(ctx context.Context, op string, fn func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var err error
	switch {
	case s.closed:
		err = fmt.Errorf("%w: closed", persist.ErrUnavailable)
	case ctx.Err() != nil:
		err = translate(ctx.Err())
	case s.away != nil:
		err = s.away // which is translated
	default:
		err = fn()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			err = ctx.Err() // the cause, whatever the driver made of it
		case errors.Is(err, context.Canceled): // not by the caller
			// The driver cancels what waits to be written when it loses a connection.
			err = fmt.Errorf("%w: %w", gocql.ErrConnectionClosed, err)
		}
		err = translate(err)
	}
	if err != nil {
		return fmt.Errorf("cassandra: %s: %w", op, err)
	}
	return nil
}

// clock gives write timestamps: microseconds since 1970, each greater than the
// one before.
type clock struct{ last atomic.Int64 }

func (c *clock) now() int64 {
	for {
		last := c.last.Load()
		next := max(time.Now().UnixMicro(), last+1)
		if c.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// firstWins turns a timestamp of clock into one that is greater the earlier it
// was, so that the first write of a cell stays. The result lies before the
// present (until 2077), so a DELETE by hand works as usual.
func firstWins(timestamp int64) int64 {
	const turn = 1_700_000_000_000_000 // November 2023, before any row was written
	return 2*turn - timestamp
}
