package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"hyperlocal/internal/periodic"
	"hyperlocal/persist"
)

const (
	// maxRetention is the longest time that Cassandra counts down, and a year less.
	maxRetention = 19 * 365 * 24 * time.Hour
	pruneEvery   = time.Minute
)

// pruner removes old tracks from a database that does not do so itself. It deletes in
// pieces, each in a transaction of its own, so that a flush waits for one at most.
type pruner struct {
	store     persist.Store
	retention time.Duration // 0: for ever
	now       func() time.Time
	log       *slog.Logger
	rows      atomic.Int64
}

func (p *pruner) run(ctx context.Context) {
	periodic.Run(ctx, p.log, pruneEvery, "removal of old tracks", p.prune)
}

func (p *pruner) prune(ctx context.Context) error {
	tracks, ok := p.store.(interface {
		PruneTracks(ctx context.Context, before int64) (rows int64, more bool, err error)
	})
	if !ok || p.retention == 0 {
		return nil
	}
	before, removed := p.now().Add(-p.retention), int64(0)
	for {
		n, more, err := tracks.PruneTracks(ctx, before.UnixMilli())
		if err != nil {
			return err
		}
		if !more {
			break
		}
		removed += n
		p.rows.Add(n)
	}
	if removed > 0 {
		p.log.Info("old tracks removed", "rows", removed, "before", before.UTC().Format(time.RFC3339))
	}
	return nil
}
