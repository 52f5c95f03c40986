package memory

import (
	"context"
	"fmt"
	"strconv"

	"hyperlocal/cache/glob"
)

const scanDefaultCount = 10

// Scan pages through the shards, and within one through the range of the keys'
// hashes: whatever else comes and goes meanwhile, a key that stays falls into
// exactly one page. A cursor is a decimal number of 64 bits, as Redis's clients
// expect: the page's lowest hash, a multiple of shardCount, plus the shard.
func (e *Engine) Scan(ctx context.Context, cursor, match string, count int) ([]string, string, error) {
	index, from, err := parseCursor(cursor)
	if err != nil {
		return nil, "", fmt.Errorf("memory: scan: %w", err)
	}
	if count <= 0 {
		count = scanDefaultCount
	}
	s := &e.shards[index]
	if err := s.rlock(ctx); err != nil {
		return nil, "", fmt.Errorf("memory: scan: %w", err)
	}
	defer s.mu.RUnlock()
	now := e.nowMS()
	var keys []string
	next, more := s.keys.page(from, count, func(it *item) {
		if !it.expired(now) && (match == "" || glob.Match(match, it.key)) {
			keys = append(keys, it.key)
		}
	})
	switch {
	case more:
		return keys, formatCursor(index, next), nil
	case index+1 < shardCount:
		return keys, formatCursor(index+1, 0), nil
	}
	return keys, "", nil
}

func formatCursor(shard int, from uint64) string {
	return strconv.FormatUint(from|uint64(shard), 10)
}

func parseCursor(s string) (shard int, from uint64, err error) {
	if s == "" {
		return 0, 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, 0, fmt.Errorf("cursor %q is not one of this engine's", s)
	}
	return int(n % shardCount), n - n%shardCount, nil
}
