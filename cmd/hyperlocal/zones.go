package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"hyperlocal/geo"
)

// liveZones are the fleet's zones, which can be read again while the server runs.
type liveZones struct {
	fleet *geo.Fleet
	read  func() (*geo.Zones, error)
	log   *slog.Logger

	mu             sync.Mutex // one reload at a time
	reloads, fails atomic.Int64
}

// GeoJSON implements web.Zones.
func (z *liveZones) GeoJSON() []byte { return z.fleet.Zones().GeoJSON() }

// Reload implements web.Zones.
func (z *liveZones) Reload(context.Context) (int, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	zones, err := z.read()
	if err != nil {
		z.fails.Add(1)
		z.log.Error("the zones stay as they were", "err", err)
		return 0, err
	}
	z.fleet.SetZones(zones)
	z.reloads.Add(1)
	n := len(zones.List())
	z.log.Info("zones read again", "zones", n)
	return n, nil
}

// hangups returns the SIGHUPs that come from now on. They are never given back to
// their default, which is to end the process: it may write to the database still.
func hangups() <-chan os.Signal {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	return hangup
}

// reloadAt reads the zones again for every signal, until ctx ends.
func (z *liveZones) reloadAt(ctx context.Context, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			_, _ = z.Reload(ctx) // it has said so
		}
	}
}
