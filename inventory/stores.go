package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// MaxLatitude is where the engine's geo sets end, either way, as Redis's do.
const MaxLatitude = 85.05112878

const (
	maxStoreName  = 200 // characters
	maxNearStores = 100
)

// StoreDistance is a store and how far away it is.
type StoreDistance struct {
	persist.DarkStore
	// DistanceM is in metres along the great circle, of a place within 0.6 m
	// of the store.
	DistanceM float64
}

// PutStore adds a store or changes it, and returns it. The database has it
// first; if the engine then fails, the same call mends it.
//
// Errors: ErrInvalid.
func (inv *Inventory) PutStore(ctx context.Context, s persist.DarkStore) (persist.DarkStore, error) {
	switch {
	case !isNameID(s.ID):
		return s, invalid("id", "%s", nameIDRule)
	case strings.TrimSpace(s.Name) == "" || !utf8.ValidString(s.Name) || utf8.RuneCountInString(s.Name) > maxStoreName:
		return s, invalid("name", "must be UTF-8 of 1 to %d characters", maxStoreName)
	}
	if err := checkPlace(s.Lat, s.Lon); err != nil {
		return s, err
	}
	inv.putStore.Lock()
	defer inv.putStore.Unlock()
	if err := inv.db.PutDarkStores(ctx, []persist.DarkStore{s}); err != nil {
		return s, fmt.Errorf("put store %s: %w", s.ID, err)
	}
	if err := inv.publishStores(ctx, []persist.DarkStore{s}); err != nil {
		return s, fmt.Errorf("put store %s: %w", s.ID, err)
	}
	return s, nil
}

// loadStores brings all stores to the engine and rebuilds stock that is lost.
func (inv *Inventory) loadStores(ctx context.Context) error {
	stores, err := inv.republishStores(ctx)
	if err != nil {
		return err
	}
	for _, s := range stores {
		if _, err := inv.Rebuild(ctx, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// republishStores publishes all stores of the database, and returns them. None is put
// between the two.
func (inv *Inventory) republishStores(ctx context.Context) ([]persist.DarkStore, error) {
	inv.putStore.Lock()
	defer inv.putStore.Unlock()
	stores, err := inv.db.DarkStores(ctx)
	if err != nil || len(stores) == 0 {
		return nil, err
	}
	return stores, inv.publishStores(ctx, stores)
}

// publishStores writes stores where the engine answers from. Only open ones
// are places, so the nearest place is the nearest open store however many are
// closed around it.
func (inv *Inventory) publishStores(ctx context.Context, stores []persist.DarkStore) error {
	var details []cache.Field
	var open []cache.GeoMember
	var closed []string
	for _, s := range stores {
		row, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("store %s: %w", s.ID, err)
		}
		details = append(details, cache.Field{Name: s.ID, Value: string(row)})
		if s.Open {
			open = append(open, cache.GeoMember{Name: s.ID, Lat: s.Lat, Lon: s.Lon})
		} else {
			closed = append(closed, s.ID)
		}
		inv.stores.add(s.ID)
	}
	if _, err := inv.engine.HSet(ctx, keyDetails, details...); err != nil {
		return err
	}
	if len(open) > 0 {
		if _, err := inv.engine.GeoAdd(ctx, keyPlaces, open...); err != nil {
			return err
		}
	}
	if len(closed) > 0 {
		if _, err := inv.engine.ZRem(ctx, keyPlaces, closed...); err != nil {
			return err
		}
	}
	return nil
}

// Store returns a store.
//
// Errors: ErrUnknownStore.
func (inv *Inventory) Store(ctx context.Context, id string) (persist.DarkStore, error) {
	s, err := inv.liveStore(ctx, id)
	if errors.Is(err, ErrUnknownStore) {
		err = inv.absent(err)
	}
	return s, err
}

// liveStore is Store of what the engine has, loaded or not.
func (inv *Inventory) liveStore(ctx context.Context, id string) (persist.DarkStore, error) {
	row, err := inv.engine.HGet(ctx, keyDetails, id)
	if err != nil {
		return persist.DarkStore{}, fmt.Errorf("read store %s: %w", id, err)
	}
	if !row.OK {
		return persist.DarkStore{}, fmt.Errorf("%w: %q", ErrUnknownStore, id)
	}
	return decodeStore(id, row.Str)
}

// Stores returns all stores in order of id. Before Load there may be none because the
// engine has lost them.
func (inv *Inventory) Stores(ctx context.Context) ([]persist.DarkStore, error) {
	rows, err := inv.engine.HGetAll(ctx, keyDetails)
	if err != nil {
		return nil, fmt.Errorf("read stores: %w", err)
	}
	stores := make([]persist.DarkStore, 0, len(rows))
	for id, row := range rows {
		s, err := decodeStore(id, row)
		if err != nil {
			return nil, err
		}
		stores = append(stores, s)
	}
	slices.SortFunc(stores, func(a, b persist.DarkStore) int { return strings.Compare(a.ID, b.ID) })
	return stores, nil
}

// Recorded returns all stores in order of id as the database has them.
func (inv *Inventory) Recorded(ctx context.Context) ([]persist.DarkStore, error) {
	stores, err := inv.db.DarkStores(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stores: %w", err)
	}
	slices.SortFunc(stores, func(a, b persist.DarkStore) int { return strings.Compare(a.ID, b.ID) })
	return stores, nil
}

func decodeStore(id, row string) (s persist.DarkStore, err error) {
	if err := json.Unmarshal([]byte(row), &s); err != nil {
		return s, fmt.Errorf("store %s as the engine has it: %w", id, err)
	}
	return s, nil
}

// reaches are the radii, in metres, of a search for the nearest store: a city,
// a region, a country, the globe. A store in the city is the common case, and
// a small circle is the cheap one.
var reaches = [...]float64{5_000, 50_000, 1_000_000, 20_100_000}

// NearestStores returns the nearest open stores, at most limit, nearest first.
// There may be none.
//
// Errors: ErrInvalid.
func (inv *Inventory) NearestStores(ctx context.Context, lat, lon float64, limit int) ([]StoreDistance, error) {
	if err := checkPlace(lat, lon); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxNearStores {
		return nil, invalid("limit", "must be from 1 to %d", maxNearStores)
	}
	var hits []cache.GeoHit
	for _, reach := range reaches {
		var err error
		hits, err = inv.engine.GeoSearch(ctx, keyPlaces, cache.GeoQuery{Lat: lat, Lon: lon, RadiusM: reach, Count: limit})
		if err != nil {
			return nil, fmt.Errorf("search stores: %w", err)
		}
		if len(hits) >= limit {
			break
		}
	}
	if len(hits) == 0 {
		return nil, inv.absent(nil)
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.Name
	}
	rows, err := inv.engine.HMGet(ctx, keyDetails, ids...)
	if err != nil {
		return nil, fmt.Errorf("read stores: %w", err)
	}
	near := make([]StoreDistance, 0, len(hits))
	for i, h := range hits {
		s, err := decodeStore(h.Name, rows[i].Str)
		if err != nil {
			return nil, inv.absent(err) // before Load it may be its place alone that the engine has
		}
		near = append(near, StoreDistance{DarkStore: s, DistanceM: h.DistanceM})
	}
	return near, nil
}

// requireStore returns nil if the store exists.
func (inv *Inventory) requireStore(ctx context.Context, id string) error {
	if len(inv.stores.missing([]string{id})) == 0 {
		return nil
	}
	if _, err := inv.Store(ctx, id); err != nil {
		return err
	}
	inv.stores.add(id)
	return nil
}

func checkPlace(lat, lon float64) error {
	if !(math.Abs(lat) <= MaxLatitude) { // NaN too
		return invalid("lat", "must be from -%v to %v degrees", MaxLatitude, MaxLatitude)
	}
	if !(math.Abs(lon) <= 180) {
		return invalid("lon", "must be from -180 to 180 degrees")
	}
	return nil
}
