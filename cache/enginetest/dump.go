package enginetest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"hyperlocal/cache"
)

// ttlSlack is how far apart two hosts' times to live may be: they were set at
// different moments, by clocks that need not agree.
const ttlSlack = 2 * time.Second

// Snapshot is everything under one tag, by key.
type Snapshot map[string]Item

// Item is one key's type, time to live and content. Of the content fields, the
// one that belongs to the type is set.
type Item struct {
	Type    string
	TTL     time.Duration // as cache.Keys.TTL has it: cache.NoTTL for none
	String  string
	Count   int64 // of a HyperLogLog, whose registers hosts keep in several forms
	List    []string
	Set     []string // in the order of bytes
	Hash    map[string]string
	Members []cache.Member // a sorted set in its order
	Entries []cache.Entry  // a stream, oldest first
}

// Dump reads every key that carries the tag. It is not atomic: stop writing
// first. A key that expires meanwhile is left out.
func Dump(ctx context.Context, e cache.Engine, tag string) (Snapshot, error) {
	keys, err := tagged(ctx, e, tag)
	if err != nil {
		return nil, err
	}
	snap := Snapshot{}
	for _, key := range keys {
		item, ok, err := dumpKey(ctx, e, key)
		if err != nil {
			return nil, fmt.Errorf("dump %q: %w", key, err)
		}
		if ok {
			snap[key] = item
		}
	}
	return snap, nil
}

func dumpKey(ctx context.Context, e cache.Engine, key string) (Item, bool, error) {
	var item Item
	var err error
	if item.Type, err = e.Type(ctx, key); err != nil {
		return item, false, err
	}
	switch item.Type {
	case "none":
		return item, false, nil
	case "string":
		var v cache.Optional
		v, err = e.Get(ctx, key)
		item.String = v.Str
		if strings.HasPrefix(v.Str, hllMagic) {
			if n, refused := e.PFCount(ctx, key); refused == nil {
				item.String, item.Count = hllMagic, n
			}
		}
	case "list":
		item.List, err = e.LRange(ctx, key, 0, -1)
	case "set":
		item.Set, err = e.SMembers(ctx, key)
		slices.Sort(item.Set)
	case "hash":
		item.Hash, err = e.HGetAll(ctx, key)
	case "zset":
		item.Members, err = e.ZRangeByScore(ctx, key, cache.ScoreRange{Min: math.Inf(-1), Max: math.Inf(1)})
	case "stream":
		item.Entries, err = e.XRange(ctx, key, "-", "+", 0)
	default:
		err = fmt.Errorf("unknown type %q", item.Type)
	}
	if err != nil {
		return item, false, err
	}
	item.TTL, err = e.TTL(ctx, key)
	return item, err == nil && item.TTL != cache.NoKey, err
}

// Diff describes in words how other differs, one line per key, or returns "".
// Times to live may differ by two seconds.
func (s Snapshot) Diff(other Snapshot) string {
	all := maps.Clone(s)
	maps.Copy(all, other)
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		a, inA := s[key]
		b, inB := other[key]
		switch {
		case !inB:
			fmt.Fprintf(&out, "%q: only the first has it: %+v\n", key, a)
		case !inA:
			fmt.Fprintf(&out, "%q: only the second has it: %+v\n", key, b)
		case !a.same(b):
			fmt.Fprintf(&out, "%q:\n\tfirst  %+v\n\tsecond %+v\n", key, a, b)
		}
	}
	return out.String()
}

func (a Item) same(b Item) bool {
	return a.Type == b.Type && sameTTL(a.TTL, b.TTL) && a.String == b.String && a.Count == b.Count &&
		slices.Equal(a.List, b.List) && slices.Equal(a.Set, b.Set) &&
		maps.Equal(a.Hash, b.Hash) && slices.Equal(a.Members, b.Members) &&
		slices.EqualFunc(a.Entries, b.Entries, sameEntry)
}

func sameTTL(a, b time.Duration) bool {
	if a < 0 || b < 0 {
		return a == b
	}
	return (a - b).Abs() <= ttlSlack
}

func sameEntry(a, b cache.Entry) bool {
	return a.ID == b.ID && slices.Equal(a.Fields, b.Fields)
}

// requireSame fails the test unless both hosts hold the same under the tag.
func requireSame(ctx context.Context, t fataler, tag string, a, b cache.Engine) {
	t.Helper()
	first, err := Dump(ctx, a, tag)
	if err != nil {
		t.Fatalf("dump of the first host: %v", err)
	}
	second, err := Dump(ctx, b, tag)
	if err != nil {
		t.Fatalf("dump of the second host: %v", err)
	}
	if diff := first.Diff(second); diff != "" {
		t.Fatalf("the hosts hold different keys:\n%s", diff)
	}
}

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

var _ fataler = (testing.TB)(nil)
