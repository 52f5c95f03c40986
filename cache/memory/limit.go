package memory

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"hyperlocal/cache"
)

// limiter keeps the data set within Options.MaxMemory.
//
// A write that finds the data set above the limit makes room before it locks
// its shard. It evicts at most evictPerTurn keys, so that no single write pays
// for all, as long as the data set is no more than slack above the limit; the
// writes that follow, and the background tick, do the rest. Beyond the slack
// writes wait until there is room again. So the data set is above the limit by
// at most the slack and the writes that were under way at one moment.
type limiter struct {
	max    int64
	slack  int64
	policy Policy
	keep   []string     // prefixes of keys that never go
	start  int64        // ms since 1970: what marks count from
	used   atomic.Int64 // bytes of all shards, as of their last units

	mu   sync.Mutex // guards the pool; taken before a shard's lock
	pool pool
}

const (
	evictPerTurn = 128
	// slackShare is the limit's part that may be overdrawn for a moment.
	slackShare = 64
)

func newLimiter(opt Options) *limiter {
	if opt.MaxMemory <= 0 {
		return nil
	}
	return &limiter{
		max: opt.MaxMemory, slack: opt.MaxMemory / slackShare,
		policy: opt.Policy, keep: opt.Keep,
		start: opt.Now().UnixMilli(),
	}
}

// keeps says that a key never goes to make room.
func (l *limiter) keeps(key string) bool {
	for _, prefix := range l.keep {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// count brings the total up to date with what a unit changed. The shard is
// write-locked.
func (s *shard) count() {
	if s.limiter == nil {
		return
	}
	if now := s.size(); now != s.counted {
		s.limiter.used.Add(now - s.counted)
		s.counted = now
	}
}

// makeRoom evicts what it takes to come down to the limit, within its bounds,
// and reports whether the data set stays above it because nothing is left that
// may go. It stops when the call that ctx is about is pointless. No shard is
// locked.
func (db *database) makeRoom(ctx context.Context) (full bool) {
	l := db.limiter
	if l == nil {
		return false
	}
	for l.used.Load() > l.max && ctx.Err() == nil {
		if l.policy == NoEviction || !db.evictSome() {
			return l.used.Load() > l.max
		}
		if l.used.Load() <= l.max+l.slack {
			return false
		}
	}
	return false
}

// grow is asked before a change that may take memory. Like Redis it refuses only
// the first write of a script, so that a script runs whole or not at all.
func (u *unit) grow() error {
	if u.full && !u.changed {
		return cache.ErrOutOfMemory
	}
	return nil
}
