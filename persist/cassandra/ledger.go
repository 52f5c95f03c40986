package cassandra

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

// blockSize is how many movements share a partition, about 2 MB. It is part of
// the table's key and can never change.
const blockSize = 10_000

const movementColumns = `seq, ts_ms, kind, product_id, available_change, reserved_change, reference`

// ledgerBlock is a row of movement_blocks.
type ledgerBlock struct {
	store string
	block int64
}

func blockOf(m *persist.Movement) ledgerBlock { return ledgerBlock{m.StoreID, m.Seq / blockSize} }

var (
	movementsTable = table[persist.Movement]{
		insert:        `INSERT INTO movements (store_id, block, ` + movementColumns + `) VALUES (?,?,?,?,?,?,?,?,?)`,
		samePartition: func(a, b *persist.Movement) bool { return blockOf(a) == blockOf(b) },
		compare: func(a, b *persist.Movement) int {
			return cmp.Or(cmp.Compare(a.StoreID, b.StoreID), cmp.Compare(a.Seq, b.Seq))
		},
		bind: func(m *persist.Movement) []any {
			return []any{m.StoreID, m.Seq / blockSize, m.Seq, m.TS, m.Kind, m.ProductID, m.Available, m.Reserved, m.Reference}
		},
		bytes:      func(m *persist.Movement) int { return 80 + len(m.StoreID) + len(m.ProductID) + len(m.Reference) },
		firstStays: true,
	}
	blocksTable = table[ledgerBlock]{
		insert:        `INSERT INTO movement_blocks (store_id, block) VALUES (?, ?)`,
		samePartition: func(a, b *ledgerBlock) bool { return a.store == b.store },
		compare: func(a, b *ledgerBlock) int {
			return cmp.Or(cmp.Compare(a.store, b.store), cmp.Compare(a.block, b.block))
		},
		bind:  func(b *ledgerBlock) []any { return []any{b.store, b.block} },
		bytes: func(b *ledgerBlock) int { return 20 + len(b.store) },
	}
)

// AppendMovements writes the index of blocks, then the rows.
func (s *Store) AppendMovements(ctx context.Context, ms []persist.Movement) error {
	if err := persist.ValidateAll(ms); err != nil {
		return fmt.Errorf("cassandra: append movements: %w", err)
	}
	return s.call(ctx, "append movements", func() error {
		timestamp := s.clock.now()
		blocks := make([]ledgerBlock, len(ms))
		for i := range ms {
			blocks[i] = blockOf(&ms[i])
		}
		if err := writeIndex(ctx, s, s.blocks, blocksTable, s.blocks.missing(nil, blocks), timestamp); err != nil {
			return err
		}
		return write(ctx, s, movementsTable, ms, firstWins(timestamp))
	})
}

// Movements reads block after block until it has limit rows. The index of
// blocks tells which there are: a block may be missing in between while writes
// are on their way.
func (s *Store) Movements(ctx context.Context, storeID string, after int64, limit int) (ms []persist.Movement, err error) {
	err = s.call(ctx, "movements", func() error {
		if storeID == "" || limit <= 0 {
			return nil
		}
		after := max(after, 0)
		blocks := s.session.Query(`SELECT block FROM movement_blocks WHERE store_id = ? AND block >= ?`,
			storeID, after/blockSize).WithContext(ctx).PageSize(100).Iter().Scanner()
		for len(ms) < limit && blocks.Next() {
			var block int64
			if err := blocks.Scan(&block); err != nil {
				_ = blocks.Err()
				return err
			}
			rows, err := collect(ctx, s, func(row gocql.Scanner, m *persist.Movement) error {
				m.StoreID = storeID
				return row.Scan(&m.Seq, &m.TS, &m.Kind, &m.ProductID, &m.Available, &m.Reserved, &m.Reference)
			}, `SELECT `+movementColumns+` FROM movements WHERE store_id = ? AND block = ? AND seq > ? LIMIT ?`,
				storeID, block, after, limit-len(ms))
			if err != nil {
				_ = blocks.Err()
				return err
			}
			ms = append(ms, rows...)
		}
		return blocks.Err()
	})
	if err != nil {
		return nil, err
	}
	return ms, nil
}
