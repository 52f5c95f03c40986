package geo

import (
	"context"
	_ "embed"
	"fmt"
	"hash/crc32"
	"strconv"

	"golang.org/x/sync/errgroup"

	"hyperlocal/cache"
)

// A driver's zone is written when it changes, to one of whereHashes hashes: a field
// takes a third of the memory of a key, and a million keys would keep the garbage
// collector busy. Their tags are spread over a Cluster.

const whereHashes = 256

// whereKeys are drivers:where:{w0} and so on.
var whereKeys = func() (keys [whereHashes]string) {
	for i := range keys {
		keys[i] = "drivers:where:{w" + strconv.Itoa(i) + "}"
	}
	return keys
}()

// whereKey is the hash with a driver's zone: by the CRC-32 (IEEE) of the id, the
// same in every process.
func whereKey(driver string) string {
	return whereKeys[crc32.ChecksumIEEE([]byte(driver))%whereHashes]
}

//go:embed where.lua
var whereLua string

// whereScript writes drivers' zones; see where.lua.
var whereScript = &cache.Script{Name: "where", Lua: whereLua, Go: whereTwin, AllowOOM: true}

// What the where script does with a driver.
const (
	whereSet  = "set"  // to this zone
	whereDrop = "drop" // if it is this zone
	whereKeep = "keep" // at the zone that it has, or else this one
)

func whereTwin(tx cache.Tx, keys, args []string) cache.Value {
	op, pairs := args[0], args[1:]
	names := make([]string, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		names = append(names, pairs[i])
	}
	was := tx.HFields(keys[0], names)
	var gone []string
	for i, name := range names {
		zone := pairs[2*i+1]
		switch old := was.Get(i); {
		case op == whereSet, op == whereKeep && !old.OK:
			was.Set(i, zone)
		case op == whereDrop && old.OK && old.Str == zone:
			gone = append(gone, name)
		}
	}
	for _, name := range gone {
		tx.HDel(keys[0], name)
	}
	return cache.Int(int64(len(names)))
}

// writeZones runs the where script for drivers of different names.
func writeZones(ctx context.Context, e cache.Engine, op string, ids []string, zoneOf func(i int) string) error {
	var calls []cache.Call
	byKey := map[string]int{}
	for i, id := range ids {
		key := whereKey(id)
		c, ok := byKey[key]
		if !ok {
			c = len(calls)
			byKey[key] = c
			calls = append(calls, cache.Call{Script: whereScript, Keys: []string{key}, Args: []string{op}})
		}
		calls[c].Args = append(calls[c].Args, id, zoneOf(i))
	}
	for _, r := range e.RunAll(ctx, calls) {
		if r.Err != nil {
			return fmt.Errorf("zones of drivers: %w", r.Err)
		}
	}
	return nil
}

// zonesOf reads the zones of drivers, in the order of ids.
func zonesOf(ctx context.Context, e cache.Engine, ids []string) ([]cache.Optional, error) {
	out := make([]cache.Optional, len(ids))
	byKey := map[string][]int{}
	for i, id := range ids {
		key := whereKey(id)
		byKey[key] = append(byKey[key], i)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for key, at := range byKey {
		group.Go(func() error {
			names := make([]string, len(at))
			for j, i := range at {
				names[j] = ids[i]
			}
			found, err := e.HMGet(ctx, key, names...)
			for j, v := range found {
				out[at[j]] = v
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("zones of drivers: %w", err)
	}
	return out, nil
}
