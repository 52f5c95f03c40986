package sqlite

import (
	"context"
	"database/sql/driver"
	"strings"

	"hyperlocal/internal/giveway"
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
	return tx.conn.Raw(func(c any) error {
		b := bulkWriter{conn: c.(driver.ConnPrepareContext)}
		defer func() { _ = b.close() }() // after an error, which tells
		for _, n := range []int{rowsPerStatement, 1} {
			statement, args := repeatRow(insert, n), []any(nil)
			for ; len(rows) >= n; rows = rows[n:] {
				args = args[:0]
				for _, row := range rows[:n] {
					args = bind(args, row)
				}
				if err := b.exec(ctx, statement, args); err != nil {
					return err
				}
				b.work.Step(rowsPerStatement / n) // a flush can wait; who asks for something should not
			}
			if err := b.close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// bulkWriter executes a statement often.
type bulkWriter struct {
	conn driver.ConnPrepareContext
	stmt driver.Stmt // nil before the first time
	args []driver.NamedValue
	work giveway.Work
}

func (b *bulkWriter) exec(ctx context.Context, statement string, args []any) (err error) {
	// A transaction whose context is done is rolled back, once we are not in its way;
	// what is written afterwards would be in none.
	if err := ctx.Err(); err != nil {
		return err
	}
	// A context that can be cancelled costs a goroutine a statement; asking it now and
	// then is enough.
	ctx = context.WithoutCancel(ctx)
	if b.stmt == nil {
		if b.stmt, err = b.conn.PrepareContext(ctx, statement); err != nil {
			return err
		}
	}
	b.args = b.args[:0]
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return err
		}
		b.args = append(b.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	_, err = b.stmt.(driver.StmtExecContext).ExecContext(ctx, b.args)
	return err
}

// close makes the writer ready for another statement.
func (b *bulkWriter) close() error {
	stmt := b.stmt
	b.stmt = nil
	if stmt == nil {
		return nil
	}
	return stmt.Close()
}

// repeatRow makes an INSERT of one row one of n.
func repeatRow(insert string, n int) string {
	begin := strings.Index(insert, "VALUES (") + len("VALUES ")
	end := begin + strings.IndexByte(insert[begin:], ')') + 1
	return insert[:end] + strings.Repeat(", "+insert[begin:end], n-1) + insert[end:]
}
