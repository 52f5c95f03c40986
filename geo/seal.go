package geo

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"hyperlocal/cache"
)

// Sealing makes a bucket's content final under a name of its own, which is
// what lets any server write it, twice if need be. The cheap ways to do
// without fail there: a bucket that is read, written and only then cleared may
// have grown meanwhile, and of two servers that read it at different times the
// one that writes last, with less, would win.

//go:embed seal.lua
var sealLua string

// It runs at the memory limit, too: it is the first step to making room.
var sealScript = &cache.Script{Name: "seal", Lua: sealLua, Go: sealTwin, AllowOOM: true}

const sealFixedKeys = 3

func sealTwin(tx cache.Tx, keys, args []string) cache.Value {
	part, _ := strconv.ParseInt(tx.Get(keys[0]).Str, 10, 64) // our own digits, or none
	next, _ := strconv.ParseInt(args[0], 10, 64)
	if part >= next {
		return cache.Int(part)
	}
	tx.Set(keys[0], args[0], 0)
	for i, start := range args[1:] {
		open, sealed := keys[sealFixedKeys+2*i], keys[sealFixedKeys+2*i+1]
		tx.ZRem(keys[1], start)
		if !tx.Rename(open, sealed) {
			continue
		}
		score, _ := strconv.ParseInt(start, 10, 64)
		tx.ZAdd(keys[2], start+":"+args[0], float64(score))
	}
	return cache.Int(0)
}

// sealPage bounds how many buckets one run of the script seals.
const sealPage = 100

// seal seals the zone's open buckets that start at latest or before. The part
// is the time, ms, or a little later if two would coincide. It is on disk before
// anything is written elsewhere: a crash that took it back would have the same
// fixes sealed again, as another part, and so written as another row.
func seal(ctx context.Context, e cache.Engine, k *zoneKeys, latest float64, now int64) error {
	durable := e.Durable(cache.Always)
	for part := now; ; {
		open, err := e.ZRangeByScore(ctx, k.buckets, cache.ScoreRange{Min: math.Inf(-1), Max: latest, Limit: sealPage})
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		if len(open) == 0 {
			return nil
		}
		keys := []string{k.part, k.buckets, k.sealeds}
		args := []string{strconv.FormatInt(part, 10)}
		for _, m := range open {
			keys = append(keys, k.bucketKey(int64(m.Score)), k.sealedKey(m.Name+":"+args[0]))
			args = append(args, m.Name)
		}
		reply, err := durable.Run(ctx, sealScript, keys, args)
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		part = max(part, reply.Int) + 1
	}
}

// parseSealed reads a member of sealeds.
func parseSealed(member string) (start, part int64, ok bool) {
	s, p, _ := strings.Cut(member, ":")
	start, errStart := strconv.ParseInt(s, 10, 64)
	part, errPart := strconv.ParseInt(p, 10, 64)
	return start, part, errStart == nil && errPart == nil
}
