package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hyperlocal/persist"
)

// beginEvery is how often work is tried again that waits for the database.
const beginEvery = time.Second

// beginning is the work at a server's start that needs the database. What cannot be done
// because that does not answer is put off, so that the server serves without. undone may
// be called from any goroutine; do comes before finish.
type beginning struct {
	log *slog.Logger

	mu     sync.Mutex                    // is not held while work is done
	left   []func(context.Context) error // what was put off, in order
	reason error                         // why the first of it was not done
}

// do does work, or puts it off if the database does not answer, or if other work was put
// off before it. Work that is put off is done again from its beginning.
func (b *beginning) do(ctx context.Context, work func(context.Context) error) error {
	reason := b.undone()
	if reason == nil {
		if reason = work(ctx); !errors.Is(reason, persist.ErrUnavailable) {
			return reason
		}
		b.log.Warn("the database cannot be reached; serving without it", "reason", reason)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.reason = append(b.left, work), reason
	return nil
}

// finish does what was put off, trying until it is done or ctx ends.
func (b *beginning) finish(ctx context.Context) {
	if b.undone() == nil {
		return
	}
	ticker := time.NewTicker(beginEvery)
	defer ticker.Stop()
	for b.undone() != nil {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.again(ctx)
		}
	}
	b.log.Info("the database is there, and stores and stock have been read from it")
}

// again tries the first work that is left.
func (b *beginning) again(ctx context.Context) {
	b.mu.Lock()
	first, before := b.left[0], b.reason
	b.mu.Unlock()
	err := first(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil && !errors.Is(err, persist.ErrUnavailable) && err.Error() != before.Error() {
		b.log.Error("what the start needs of the database fails, will be tried again", "err", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.left = b.left[1:]
	} else {
		b.reason = err
	}
}

// undone returns why there is work that was put off; nil if there is none.
func (b *beginning) undone() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.left) == 0 {
		return nil
	}
	return b.reason
}
