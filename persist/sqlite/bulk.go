package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
)

// rowsPerStatement is how many rows a statement of bulk has: beginning one costs more
// than a row of it, and within one SQLite knows where the row before went.
const rowsPerStatement = 64

// bulk executes an INSERT of one row, VALUES (...), for all rows, with the arguments
// that bind appends to args for each.
//
// It hands them to the driver itself: database/sql makes a list of a kilobyte for each
// row, which was a sixth of what a server under load has collected as garbage.
func bulk[T any](ctx context.Context, tx *txn, insert string, rows []T, bind func(args []any, row T) []any) error {
	return tx.conn.Raw(func(conn any) error {
		b := tx.bulk
		b.use(conn)
		for _, n := range []int{rowsPerStatement, 1} {
			for ; len(rows) >= n; rows = rows[n:] {
				b.args = b.args[:0]
				for _, row := range rows[:n] {
					b.args = bind(b.args, row)
				}
				if err := b.exec(ctx, insert, n); err != nil {
					return err
				}
				tx.turn.Step(rowsPerStatement / n)
			}
		}
		return nil
	})
}

// bulkWriter has what bulk needs for the next time, too. It belongs to who has its
// connection. Its statements must be closed before that, and database/sql closes a
// connection on which something was interrupted, as soon as it is given back.
type bulkWriter struct {
	conn  driver.ConnPrepareContext
	stmts map[bulkStatement]driver.Stmt
	args  []any
	named []driver.NamedValue
}

// bulkStatement is an INSERT of one row, made one of n.
type bulkStatement struct {
	insert string
	n      int
}

// use prepares for a connection. Statements of one that has gone cannot even be closed.
func (b *bulkWriter) use(conn any) {
	if b.conn != conn {
		*b = bulkWriter{conn: conn.(driver.ConnPrepareContext)}
	}
}

func (b *bulkWriter) exec(ctx context.Context, insert string, n int) error {
	// A transaction whose context is done is rolled back, once we are not in its way;
	// what is written afterwards would be in none.
	if err := ctx.Err(); err != nil {
		return err
	}
	// A context that can be cancelled costs a goroutine a statement; asking it now and
	// then is enough.
	ctx = context.WithoutCancel(ctx)
	stmt, err := b.prepare(ctx, bulkStatement{insert, n})
	if err != nil {
		return err
	}
	b.named = b.named[:0]
	for i, arg := range b.args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return err
		}
		b.named = append(b.named, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	_, err = stmt.(driver.StmtExecContext).ExecContext(ctx, b.named)
	return err
}

func (b *bulkWriter) prepare(ctx context.Context, s bulkStatement) (driver.Stmt, error) {
	if stmt := b.stmts[s]; stmt != nil {
		return stmt, nil
	}
	stmt, err := b.conn.PrepareContext(ctx, repeatRow(s.insert, s.n))
	if err != nil {
		return nil, err
	}
	if b.stmts == nil {
		b.stmts = map[bulkStatement]driver.Stmt{}
	}
	b.stmts[s] = stmt
	return stmt, nil
}

// close ends the statements, before their connection does.
func (b *bulkWriter) close() (err error) {
	for _, stmt := range b.stmts {
		err = errors.Join(err, stmt.Close())
	}
	*b = bulkWriter{}
	return err
}

// repeatRow makes an INSERT of one row one of n.
func repeatRow(insert string, n int) string {
	begin := strings.Index(insert, "VALUES (") + len("VALUES ")
	end := begin + strings.IndexByte(insert[begin:], ')') + 1
	return insert[:end] + strings.Repeat(", "+insert[begin:end], n-1) + insert[end:]
}
