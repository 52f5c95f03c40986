// Package demo is a city to look around in: Bengaluru's wards, main roads, forty
// dark stores and a quick-commerce catalogue, a fleet of partners on the move,
// and one order at a time from placed to delivered.
//
// The data is embedded, each file under a licence of its own (data/README.md).
// What moves uses the public HTTP API and nothing else, like the apps of
// partners and customers would. It keeps no state: after a restart, partners are
// where they would have been, and an unfinished order is found and carried on.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"hyperlocal/loadtest"
)

// seed decides everything in the demo that is left to chance.
const seed = 560001

// tick is how often the pings that have become due are sent, and how often the
// order's partner is looked after.
const tick = 500 * time.Millisecond

// Config describes a demo.
type Config struct {
	Partners int // 0 to loadtest.MaxPartners; 0 where the city is moved by another process
	Logger   *slog.Logger
	// Transport carries the requests; nil for one of the demo's own.
	Transport http.RoundTripper
}

// Demo moves a city. Its methods may be called from any goroutine; Run once.
type Demo struct {
	cfg     Config
	traces  []loadtest.Trace
	anchors []loadtest.Anchor
	stores  []Store

	orderID atomic.Pointer[string]
}

// New reads the embedded data. Nothing moves before [Demo.Run].
func New(cfg Config) (*Demo, error) {
	if cfg.Partners < 0 || cfg.Partners > loadtest.MaxPartners {
		return nil, fmt.Errorf("demo: %d partners, want 0 to %d", cfg.Partners, loadtest.MaxPartners)
	}
	d := &Demo{cfg: cfg}
	var err1, err2, err3 error
	d.traces, err1 = Traces()
	d.anchors, err2 = anchors(cfg.Partners)
	d.stores, err3 = Stores()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return d, nil
}

// OrderID names the order that is under way, or was last; "" before the first.
func (d *Demo) OrderID() string {
	if id := d.orderID.Load(); id != nil {
		return *id
	}
	return ""
}

// Run moves the partners and carries orders on a server, whose stores and
// products are there already, until ctx is done; it returns when nothing of it
// runs any more. A server that does not answer is asked again, and logged when
// that begins and when it ends. Without partners it returns at once. The error says
// that the fleet is not possible.
func (d *Demo) Run(ctx context.Context, baseURL string) error {
	if d.cfg.Partners == 0 {
		return nil
	}
	fleet, err := loadtest.NewFleet(loadtest.FleetConfig{
		Partners: d.cfg.Partners, Seed: seed, Start: time.Now(), Traces: d.traces, Anchors: d.anchors,
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	client := loadtest.NewClient(baseURL, d.cfg.Transport)
	defer client.CloseIdle()

	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { d.sendPings(ctx, fleet, loadtest.NewSender(client)) })
	work.Go(func() {
		newCourier(api{client}, fleet, d.stores, d.cfg.Logger, d.announce).run(ctx)
	})
	return nil
}

func (d *Demo) announce(orderID string) { d.orderID.Store(&orderID) }

// sendPings sends what the fleet reports. What could not be sent is lost: the
// phone's next report says where it is then.
func (d *Demo) sendPings(ctx context.Context, fleet *loadtest.Fleet, sender *loadtest.Sender) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// Not the tick's own time, which is old after a slow request.
			receipt, err := sender.Send(ctx, fleet.Due(time.Now()))
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !failing:
				d.cfg.Logger.Warn("demo: pings are not taken", "err", err)
			case err == nil && failing:
				d.cfg.Logger.Info("demo: pings are taken again", "failed", sender.Totals().Failed)
			}
			failing = err != nil
			for _, r := range receipt.Rejected {
				d.cfg.Logger.Debug("demo: ping rejected", "verdict", r.Verdict, "field", r.Field, "detail", r.Detail)
			}
		}
	}
}
