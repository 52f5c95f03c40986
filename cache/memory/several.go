package memory

import (
	"context"
	"slices"
	"strings"
)

// readMany runs fn for each key, with the shards of all of them locked
// together so that the answer is of one moment.
func readMany(ctx context.Context, e *Engine, op string, keys []string, fn func(r reader, i int, key string)) error {
	indexes := shardIndexes(keys)
	for i, n := range indexes {
		if err := e.shards[n].rlock(ctx); err != nil {
			for _, n := range indexes[:i] {
				e.shards[n].mu.RUnlock()
			}
			return opError(op, keys[0], err)
		}
	}
	now := e.nowMS()
	for i, key := range keys {
		fn(reader{shard: e.shardOf(key), at: now}, i, key)
	}
	for _, n := range indexes {
		e.shards[n].mu.RUnlock()
	}
	return nil
}

// writeMany is readMany for a command that writes: fn asks of for the unit of a
// key. Each shard's part is a unit of its own: together for readers, but after
// a crash a part may be missing, as on a Cluster.
func writeMany(ctx context.Context, e *Engine, op string, keys []string, fn func(of func(key string) *unit) error) error {
	if err := e.admit(ctx); err != nil {
		return opError(op, strings.Join(keys, " "), err)
	}
	full := e.makeRoom(ctx)
	indexes := shardIndexes(keys)
	for i, n := range indexes {
		if err := e.shards[n].lock(ctx); err != nil {
			for _, n := range indexes[:i] {
				e.shards[n].mu.Unlock()
			}
			return opError(op, keys[0], err)
		}
	}
	now := e.nowMS()
	for _, n := range indexes {
		e.shards[n].begin(e.journal != nil, e.durability, now).full = full
	}
	failed := fn(func(key string) *unit { return &e.shardOf(key).unit })
	batches := make([]*batch, len(indexes))
	for i, n := range indexes {
		batches[i] = e.commit(&e.shards[n].unit)
	}
	for _, b := range batches {
		if err := b.wait(ctx); err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return opError(op, keys[0], failed)
	}
	return nil
}

// shardIndexes returns each shard of keys once, in the order of locking.
func shardIndexes(keys []string) []int {
	indexes := make([]int, len(keys))
	for i, key := range keys {
		indexes[i] = shardIndex(key)
	}
	slices.Sort(indexes)
	return slices.Compact(indexes)
}
