package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/cache/redis"
	"hyperlocal/fence"
	"hyperlocal/geo"
	"hyperlocal/internal/giveway"
	"hyperlocal/inventory"
	"hyperlocal/orders"
	"hyperlocal/persist"
	"hyperlocal/persist/cassandra"
	"hyperlocal/persist/sqlite"
)

// openEngine opens what --engine names.
func openEngine(ctx context.Context, c config, log *slog.Logger) (cache.Engine, error) {
	scheme, _, _ := strings.Cut(c.Engine, ":")
	switch {
	case c.Engine == "memory":
		limit, policy, err := c.memoryLimit()
		if err != nil {
			return nil, err
		}
		e, err := memory.Open(memory.Options{
			Dir: engineDir(c.DataDir), Logger: log,
			MaxMemory: limit, Policy: policy,
			Keep: slices.Concat(geo.KeyPrefixes(), inventory.KeyPrefixes(), orders.KeyPrefixes(), fence.KeyPrefixes()),
		})
		if err != nil {
			return nil, fmt.Errorf("--engine memory: %w", err)
		}
		limitHeap(limit)
		return e, nil
	case strings.HasPrefix(scheme, "redis"):
		options := redis.Options{ClientName: "hyperlocal"}
		if c.EngineDurability == "wait" {
			options.Replicas = 1
		}
		e, err := redis.Open(ctx, c.Engine, options)
		if err != nil {
			return nil, fmt.Errorf("--engine: %w", err)
		}
		for _, warning := range e.Warnings(ctx) {
			log.Warn("engine: " + warning + "; see docs/operations.md")
		}
		return e, nil
	}
	return nil, fmt.Errorf("--engine %q: want memory, redis://[user:password@]host:port[/db], redis-sentinel://HOSTS/PRIMARY or redis-cluster://HOSTS", c.Engine)
}

// background is the lane of what this process computes beside requests.
var background = giveway.NewLane()

// openStore opens what --store names, and makes it if it is not there.
func openStore(ctx context.Context, c config) (persist.Store, error) {
	return c.openDatabase(ctx, cassandra.Options{})
}

// openStorePatiently is openStore for a server, which serves on without a database: a
// cluster that cannot be reached is no error.
func openStorePatiently(ctx context.Context, c config) (persist.Store, error) {
	return c.openDatabase(ctx, cassandra.Options{Patient: true})
}

// openExistingStore opens what --store names and makes nothing: a mistyped name must
// not look like a record of nothing.
func openExistingStore(ctx context.Context, c config) (persist.Store, error) {
	if path, ok := strings.CutPrefix(c.Store, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("--store: %w", err)
		}
	}
	return c.openDatabase(ctx, cassandra.Options{Existing: true})
}

// openDatabase completes the options that a cluster is opened with.
func (c config) openDatabase(ctx context.Context, options cassandra.Options) (persist.Store, error) {
	scheme, rest, _ := strings.Cut(c.Store, ":")
	switch {
	case scheme == "sqlite" && rest != "":
		s, err := sqlite.Open(ctx, rest, sqlite.Options{Lane: background})
		if err != nil {
			return nil, fmt.Errorf("--store: %w", err)
		}
		return s, nil
	case scheme == "cassandra":
		options.Retention, options.Lane = c.TrackRetention, background
		if c.TrackRetention == 0 {
			options.Retention = cassandra.KeepForever
		}
		s, err := cassandra.Open(ctx, c.Store, options)
		if err != nil {
			return nil, fmt.Errorf("--store: %w", err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("--store %q: want sqlite:PATH or cassandra://[user:password@]host[:port]/keyspace", c.Store)
}

// readZones reads a zone file; without one every place is in the zone of its
// geohash cell.
func readZones(path string) (*geo.Zones, error) {
	if path == "" {
		return geo.NoZones(), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--zones %s: there is no such file", path)
		}
		return nil, fmt.Errorf("--zones: %w", err)
	}
	z, err := geo.LoadZones(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("--zones %s: %w", path, err)
	}
	return z, nil
}
