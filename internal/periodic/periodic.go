// Package periodic repeats background work.
package periodic

import (
	"context"
	"log/slog"
	"time"
)

// Run calls fn at every interval until the context ends. It logs when fn begins
// to fail and when it works again, not each time; what names the work.
func Run(ctx context.Context, log *slog.Logger, interval time.Duration, what string, fn func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := fn(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			log.Error(what+" fails, will be tried again", "error", err, "interval", interval)
		case err == nil && failing:
			log.Info(what + " works again")
		}
		failing = err != nil
	}
}
