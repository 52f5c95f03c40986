package memory

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"hyperlocal/cache/glob"
)

const (
	scanDefaultCount = 10
	// scanMaxPasses bounds the work of a whole scan: a page walks over its
	// shard's table, so a page holds at least this fraction of the shard.
	scanMaxPasses = 64
)

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
	to, more := scanEnd(from, len(s.keys), count)
	now := e.nowMS()
	var keys []string
	for key, it := range s.keys {
		if h := xxhash.Sum64String(key); h < from || h > to || it.expired(now) {
			continue
		}
		if match == "" || glob.Match(match, key) {
			keys = append(keys, key)
		}
	}
	switch {
	case more:
		return keys, formatCursor(index, to+1), nil
	case index+1 < shardCount:
		return keys, formatCursor(index+1, 0), nil
	}
	return keys, "", nil
}

// scanEnd returns the highest hash of a page of about count keys out of a shard
// of n that begins at hash from, and whether there are hashes beyond it.
func scanEnd(from uint64, n, count int) (to uint64, more bool) {
	count = max(count, n/scanMaxPasses)
	if n <= count {
		return math.MaxUint64, false
	}
	width, _ := bits.Div64(uint64(count), 0, uint64(n)) // 2^64·count/n
	to, over := bits.Add64(from, width, 0)
	to |= shardCount - 1 // so that the next page begins at a multiple
	if over != 0 || to == math.MaxUint64 {
		return math.MaxUint64, false
	}
	return to, true
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
