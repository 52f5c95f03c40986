package geo

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"hyperlocal/cache"
)

// touchEvery is how often a process repeats that a zone is active, and
// activeFresh for how long an answer about all active zones may be used, ms.
const (
	touchEvery  = 60_000
	activeFresh = 1_000
)

// touchZones tells drivers:zones of zones that were not active a minute ago.
// The sweeper and the flusher of any server work through that index.
func (f *Fleet) touchZones(ctx context.Context, zones []zoneBatch, now int64) error {
	var fresh []cache.Member
	for i := range zones {
		k := zones[i].keys
		if now-k.active.Load() >= touchEvery {
			fresh = append(fresh, cache.Member{Name: k.id, Score: float64(now)})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if _, err := f.engine.ZAdd(ctx, zonesKey, fresh...); err != nil {
		return fmt.Errorf("active zones: %w", err)
	}
	for i := range zones {
		k := zones[i].keys
		if now-k.active.Load() >= touchEvery {
			k.active.Store(now)
		}
	}
	return nil
}

// activeZones remembers the index for a moment, for readers.
type activeZones struct {
	mu    sync.Mutex
	at    int64
	zones map[string]int64 // zone → last active, ms
}

// recentZones returns the active zones as of at most a second ago. The map is
// shared and must not be changed.
func (f *Fleet) recentZones(ctx context.Context) (map[string]int64, error) {
	a := &f.active
	a.mu.Lock()
	defer a.mu.Unlock()
	now := f.nowMS()
	if age := now - a.at; a.zones != nil && age >= 0 && age < activeFresh {
		return a.zones, nil
	}
	members, err := readActiveZones(ctx, f.engine)
	if err != nil {
		return nil, err
	}
	zones := make(map[string]int64, len(members))
	for _, m := range members {
		zones[m.Name] = int64(m.Score)
	}
	a.zones, a.at = zones, now
	return zones, nil
}

// readActiveZones returns all zones of the index, the least recently active
// first.
func readActiveZones(ctx context.Context, e cache.Engine) ([]cache.Member, error) {
	members, err := e.ZRangeByScore(ctx, zonesKey, cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)})
	if err != nil {
		return nil, fmt.Errorf("active zones: %w", err)
	}
	return members, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
