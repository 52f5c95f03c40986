package cassandra

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// migrationFiles are named NNNN_what.cql, numbered from 1 without gaps. One
// that was ever released is not edited again. Comments go from -- to the end
// of a line, statements end in a semicolon, and neither mark is in a string.
//
//go:embed migrations/*.cql
var migrationFiles embed.FS

// lockTTL is how long a server that was killed in the middle keeps the others
// waiting. The lock is renewed before each statement and while that is executed.
const lockTTL = 60 * time.Second

const schemaMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
	everything int, -- 0
	version    int,
	file       text,
	PRIMARY KEY (everything, version))`

var errLockLost = errors.New("the schema's lock was lost to another server")

// migrate brings the schema up to date, one statement at a time, each waiting
// until all nodes have it. Of several servers that start at once one does it,
// and the others wait.
func migrate(ctx context.Context, session *session, keyspace string) error {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return err
	}
	if version, err := schemaVersion(ctx, session); err != nil || version == len(files) {
		return err
	} else if version > len(files) {
		return newer(version, len(files))
	}
	lock, err := acquire(ctx, session, keyspace, lockTTL)
	if err != nil {
		return err
	}
	defer lock.release(ctx)
	if err := lock.execute(ctx, schemaMigrations); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, session) // another server may have been first
	if err != nil {
		return err
	}
	if version > len(files) {
		return newer(version, len(files))
	}
	for i, file := range files[version:] {
		if err := lock.apply(ctx, version+i+1, file.Name()); err != nil {
			return fmt.Errorf("migration %s: %w", file.Name(), err)
		}
	}
	return nil
}

func newer(version, known int) error {
	return fmt.Errorf("%w: its schema has version %d, this program knows versions up to %d", ErrNewer, version, known)
}

// schemaVersion returns the number of the last file applied, 0 for none.
func schemaVersion(ctx context.Context, session *session) (int, error) {
	var version int
	err := session.Query(`SELECT max(version) FROM schema_migrations WHERE everything = 0`).WithContext(ctx).Scan(&version)
	if refusal, ok := errors.AsType[gocql.RequestError](err); ok && refusal.Code() == gocql.ErrCodeInvalid {
		return 0, nil // there is no such table
	}
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}

// schemaLock is a row that one server at a time can have.
type schemaLock struct {
	session *session
	owner   string
	ttl     time.Duration
}

// acquire waits for the lock until ctx is done.
func acquire(ctx context.Context, session *session, keyspace string, ttl time.Duration) (*schemaLock, error) {
	// Two servers that create a table at once make two tables of one name, and
	// the cluster cannot agree on either. An id of its own choice makes it one.
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("hyperlocal/"+keyspace+"/schema_lock"))
	err := session.Query(fmt.Sprintf(`CREATE TABLE IF NOT EXISTS schema_lock (id int PRIMARY KEY, owner text) WITH id = '%s'`, id)).
		WithContext(ctx).Exec()
	if err == nil {
		err = session.AwaitSchemaAgreement(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("create the schema's lock: %w", err)
	}
	lock := &schemaLock{session: session, owner: uuid.NewString(), ttl: ttl}
	for {
		var holder string
		got, err := session.Query(`INSERT INTO schema_lock (id, owner) VALUES (0, ?) IF NOT EXISTS USING TTL ?`,
			lock.owner, int(ttl.Seconds())).WithContext(ctx).ScanCAS(nil, &holder)
		if err != nil {
			return nil, fmt.Errorf("take the schema's lock: %w", err)
		}
		// A request that was repeated may find what its first sending wrote.
		if got || holder == lock.owner {
			return lock, nil
		}
		wait(ctx, 100*time.Millisecond+rand.N(400*time.Millisecond))
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for the schema's lock, which another server holds: %w", ctx.Err())
		}
	}
}

// release gives the lock back even if ctx is done; at worst it expires.
func (l *schemaLock) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = l.session.Query(`DELETE FROM schema_lock WHERE id = 0 IF owner = ?`, l.owner).WithContext(ctx).ScanCAS(nil)
}

// apply executes a file and notes that it was.
func (l *schemaLock) apply(ctx context.Context, version int, file string) error {
	number, _, _ := strings.Cut(file, "_")
	if n, err := strconv.Atoi(number); err != nil || n != version {
		return fmt.Errorf("expected number %d", version)
	}
	script, err := migrationFiles.ReadFile("migrations/" + file)
	if err != nil {
		return err
	}
	for _, statement := range statements(string(script)) {
		if err := l.execute(ctx, statement); err != nil {
			return fmt.Errorf("%w, in: %s", err, statement)
		}
	}
	return l.session.Query(`INSERT INTO schema_migrations (everything, version, file) VALUES (0, ?, ?)`, version, file).
		WithContext(ctx).Exec()
}

// execute changes the schema and waits until all nodes agree, which may take longer than
// the lock lasts.
func (l *schemaLock) execute(ctx context.Context, statement string) error {
	if err := l.renew(ctx); err != nil {
		return fmt.Errorf("renew the schema's lock: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	group.Go(func() error {
		defer close(done)
		if err := l.session.Query(statement).WithContext(ctx).Exec(); err != nil {
			return err
		}
		return l.session.AwaitSchemaAgreement(ctx)
	})
	group.Go(func() error {
		ticker := time.NewTicker(l.ttl / 3)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return nil
			case <-ticker.C:
				// Anything but the loss may pass until the next time.
				if err := l.renew(ctx); errors.Is(err, errLockLost) {
					return err
				}
			}
		}
	})
	return group.Wait()
}

// renew has the lock last from now on.
func (l *schemaLock) renew(ctx context.Context) error {
	var holder string
	held, err := l.session.Query(`UPDATE schema_lock USING TTL ? SET owner = ? WHERE id = 0 IF owner = ?`,
		int(l.ttl.Seconds()), l.owner, l.owner).WithContext(ctx).ScanCAS(&holder)
	if err == nil && !held {
		err = errLockLost
	}
	return err
}

// statements splits a script.
func statements(script string) []string {
	var code strings.Builder
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(line, "--")
		code.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	var all []string
	for statement := range strings.SplitSeq(code.String(), ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			all = append(all, statement)
		}
	}
	return all
}
