package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"strconv"
	"strings"
)

// migrationFiles are named NNNN_what.sql, numbered from 1 without gaps. One
// that was ever released is not edited again.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks our files in their header ("HYPL"), so that a wrong path
// cannot put our tables into somebody else's database.
const applicationID = 0x4859504c

// migrate brings the schema from PRAGMA user_version, the number of the last
// file applied, up to date. Each file is applied in one transaction together
// with its number.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil) // takes the write lock: of several servers one goes first
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	version, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	if version > len(files) {
		return fmt.Errorf("%w: its schema has version %d, this program knows versions up to %d",
			ErrNewer, version, len(files))
	}
	for i, file := range files[version:] {
		number, _, _ := strings.Cut(file.Name(), "_")
		if n, err := strconv.Atoi(number); err != nil || n != version+i+1 {
			return fmt.Errorf("migration %s: expected number %d", file.Name(), version+i+1)
		}
		script, err := migrationFiles.ReadFile("migrations/" + file.Name())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(script)); err != nil {
			return fmt.Errorf("migration %s: %w", file.Name(), err)
		}
	}
	if version < len(files) {
		marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(files))
		if _, err := tx.ExecContext(ctx, marks); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// schemaVersion returns the version of our schema, 0 for an empty file, or
// ErrForeign.
func schemaVersion(ctx context.Context, tx *sql.Tx) (int, error) {
	var id, version, tables int
	err := tx.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id AS a, pragma_user_version AS v`).Scan(&id, &version, &tables)
	if err != nil {
		return 0, err
	}
	fresh := id == 0 && version == 0 && tables == 0
	if !fresh && id != applicationID {
		return 0, fmt.Errorf("%w: its application_id is %#x, not %#x", ErrForeign, id, applicationID)
	}
	return version, nil
}
