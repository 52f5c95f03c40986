package geo

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"math"
	"slices"
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

const (
	sealFixedKeys = 4
	sealFixedArgs = 3
)

// sealDone is the script's reply when it has sealed.
const sealDone = -1

func sealTwin(tx cache.Tx, keys, args []string) cache.Value {
	part, _ := strconv.ParseInt(tx.Get(keys[0]).Str, 10, 64) // our own digits, or none
	next, _ := strconv.ParseInt(args[0], 10, 64)
	before, _ := strconv.ParseInt(args[1], 10, 64)
	if part != before || part >= next {
		return cache.Int(part)
	}
	tx.Set(keys[0], args[0], 0)
	tx.Set(keys[1], args[2], 0)
	for i := 0; sealFixedArgs+i+1 < len(args); i += 2 {
		start, member := args[sealFixedArgs+i], args[sealFixedArgs+i+1]
		open, sealed := keys[sealFixedKeys+i], keys[sealFixedKeys+i+1]
		tx.ZRem(keys[2], start)
		if !tx.Rename(open, sealed) {
			continue
		}
		score, _ := strconv.ParseInt(start, 10, 64)
		tx.ZAdd(keys[3], member, float64(score))
	}
	return cache.Int(sealDone)
}

// sealPage bounds how many buckets one run of the script seals.
const sealPage = 100

// seal seals the zone's open buckets that start at latest or before. The part
// is the time, ms, or a little later if two would coincide. It is on disk before
// anything is written elsewhere: a crash that took it back would have the same
// fixes sealed again, as another part, and so written as another row.
//
// A part is late if its bucket may have had another before: the zone was sealed since
// the bucket closed, and up to its start.
func (fl *Flusher) seal(ctx context.Context, k *zoneKeys, latest int64) error {
	e, now := fl.fleet.engine, fl.fleet.nowMS()
	var last sealing
	for known := false; ; {
		open, err := e.ZRangeByScore(ctx, k.buckets, cache.ScoreRange{Min: math.Inf(-1), Max: float64(latest), Limit: sealPage})
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		if len(open) == 0 {
			return nil
		}
		if !known {
			if last, err = fl.lastSealing(ctx, k); err != nil {
				return fmt.Errorf("seal: %w", err)
			}
		}
		late := min(last.newest, fl.closedAt(last.part))
		if last.part == 0 { // a zone that is new, or forgotten
			late = fl.closedAt(now - 2*fl.every.Milliseconds())
		}
		next := sealing{max(now, last.part+1), max(last.newest, int64(open[len(open)-1].Score))}
		keys := []string{k.part, k.newest, k.buckets, k.sealeds}
		args := []string{strconv.FormatInt(next.part, 10), strconv.FormatInt(last.part, 10), strconv.FormatInt(next.newest, 10)}
		for _, m := range open {
			b := newSealedBucket(int64(m.Score), next.part, int64(m.Score) <= late)
			keys = append(keys, k.bucketKey(b.start), k.sealedKey(b.member))
			args = append(args, m.Name, b.member)
		}
		reply, err := e.Durable(cache.Always).Run(ctx, sealScript, keys, args)
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		last, known = next, reply.Int == sealDone // or another server was here
	}
}

// sealing is what a zone knows of its last sealing: the part, 0 if there was none, and
// the newest start that was ever sealed.
type sealing struct{ part, newest int64 }

func (fl *Flusher) lastSealing(ctx context.Context, k *zoneKeys) (s sealing, err error) {
	// The part first: if it is still the same when we seal, so is the other.
	part, err := fl.fleet.engine.Get(ctx, k.part)
	if err != nil || !part.OK {
		return s, err
	}
	if s.part, err = strconv.ParseInt(part.Str, 10, 64); err != nil {
		return s, err
	}
	newest, err := fl.fleet.engine.Get(ctx, k.newest)
	if err != nil {
		return s, err
	}
	if !newest.OK { // an earlier version sealed
		s.newest = fl.closedAt(s.part)
		return s, nil
	}
	s.newest, err = strconv.ParseInt(newest.Str, 10, 64)
	return s, err
}

// sealedBucket is a sealed bucket of a zone.
type sealedBucket struct {
	member      string // of sealeds: <start>:<part>, and :late if it is
	start, part int64
	late        bool // the zone was sealed since the bucket closed: there may be an earlier part
}

const lateMark = ":late"

func newSealedBucket(start, part int64, late bool) sealedBucket {
	member := strconv.FormatInt(start, 10) + ":" + strconv.FormatInt(part, 10)
	if late {
		member += lateMark
	}
	return sealedBucket{member, start, part, late}
}

// parseSealed reads a member of sealeds.
func parseSealed(member string) (b sealedBucket, ok bool) {
	text, late := strings.CutSuffix(member, lateMark)
	s, p, _ := strings.Cut(text, ":")
	start, errStart := strconv.ParseInt(s, 10, 64)
	part, errPart := strconv.ParseInt(p, 10, 64)
	return sealedBucket{member, start, part, late}, errStart == nil && errPart == nil
}

// sealed returns a zone's sealed buckets in order of start and part.
func (fl *Flusher) sealed(ctx context.Context, k *zoneKeys) ([]sealedBucket, error) {
	members, err := fl.fleet.engine.ZRangeByScore(ctx, k.sealeds, everything)
	if err != nil {
		return nil, err
	}
	list := make([]sealedBucket, 0, len(members))
	for _, m := range members {
		if b, ok := parseSealed(m.Name); ok {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b sealedBucket) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.part, b.part))
	})
	return list, nil
}

// newestFirst puts buckets in the order of writing: the newest first, but its parts
// as they were sealed.
func newestFirst(list []sealedBucket) []sealedBucket {
	slices.SortFunc(list, func(a, b sealedBucket) int {
		return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(a.part, b.part))
	})
	return list
}
