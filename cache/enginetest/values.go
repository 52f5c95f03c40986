package enginetest

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// holders makes a key of each type.
var holders = map[string]func(t testing.TB, h *host, key string){
	"string": func(t testing.TB, h *host, key string) { must(h.Set(h.ctx, key, "1", cache.SetOptions{}))(t) },
	"list":   func(t testing.TB, h *host, key string) { must(h.RPush(h.ctx, key, "1"))(t) },
	"set":    func(t testing.TB, h *host, key string) { must(h.SAdd(h.ctx, key, "1"))(t) },
	"hash":   func(t testing.TB, h *host, key string) { must(h.HSet(h.ctx, key, fields("f", "1")...))(t) },
	"zset": func(t testing.TB, h *host, key string) {
		must(h.ZAdd(h.ctx, key, cache.Member{Name: "f", Score: 1}))(t)
	},
	"stream": func(t testing.TB, h *host, key string) {
		must(h.XAdd(h.ctx, key, "1-1", cache.Trim{}, fields("f", "v")...))(t)
	},
}

// typed calls every operation that cares about a key's type.
var typed = []struct {
	op, wants string
	call      func(h *host, key string) error
}{
	{"Get", "string", func(h *host, k string) error { _, err := h.Get(h.ctx, k); return err }},
	{"IncrBy", "string", func(h *host, k string) error { _, err := h.IncrBy(h.ctx, k, 1); return err }},
	{"SetGet", "string", func(h *host, k string) error { _, _, err := h.SetGet(h.ctx, k, "v", cache.SetOptions{}); return err }},
	{"GetDel", "string", func(h *host, k string) error { _, err := h.GetDel(h.ctx, k); return err }},
	{"GetEx", "string", func(h *host, k string) error {
		_, err := h.GetEx(h.ctx, k, cache.GetOptions{TTL: time.Hour})
		return err
	}},
	{"PFAdd", "string", func(h *host, k string) error { _, err := h.PFAdd(h.ctx, k, "a"); return err }},
	{"PFCount", "string", func(h *host, k string) error { _, err := h.PFCount(h.ctx, k); return err }},
	{"PFMerge", "string", func(h *host, k string) error { return h.PFMerge(h.ctx, k) }},
	{"LPush", "list", func(h *host, k string) error { _, err := h.LPush(h.ctx, k, "a"); return err }},
	{"RPush", "list", func(h *host, k string) error { _, err := h.RPush(h.ctx, k, "a"); return err }},
	{"LPop", "list", func(h *host, k string) error { _, err := h.LPop(h.ctx, k, 1); return err }},
	{"RPop", "list", func(h *host, k string) error { _, err := h.RPop(h.ctx, k, 1); return err }},
	{"LRange", "list", func(h *host, k string) error { _, err := h.LRange(h.ctx, k, 0, 0); return err }},
	{"LTrim", "list", func(h *host, k string) error { return h.LTrim(h.ctx, k, 0, 0) }},
	{"LLen", "list", func(h *host, k string) error { _, err := h.LLen(h.ctx, k); return err }},
	{"SAdd", "set", func(h *host, k string) error { _, err := h.SAdd(h.ctx, k, "a"); return err }},
	{"SRem", "set", func(h *host, k string) error { _, err := h.SRem(h.ctx, k, "z"); return err }},
	{"SMembers", "set", func(h *host, k string) error { _, err := h.SMembers(h.ctx, k); return err }},
	{"SMIsMember", "set", func(h *host, k string) error { _, err := h.SMIsMember(h.ctx, k, "a"); return err }},
	{"SCard", "set", func(h *host, k string) error { _, err := h.SCard(h.ctx, k); return err }},
	{"SUnion", "set", func(h *host, k string) error { _, err := h.SUnion(h.ctx, h.key("missing"), k); return err }},
	{"SInter", "set", func(h *host, k string) error { _, err := h.SInter(h.ctx, h.key("missing"), k); return err }},
	{"SDiff", "set", func(h *host, k string) error { _, err := h.SDiff(h.ctx, h.key("missing"), k); return err }},
	{"HSet", "hash", func(h *host, k string) error { _, err := h.HSet(h.ctx, k, fields("f", "2")...); return err }},
	{"HGet", "hash", func(h *host, k string) error { _, err := h.HGet(h.ctx, k, "f"); return err }},
	{"HMGet", "hash", func(h *host, k string) error { _, err := h.HMGet(h.ctx, k, "f", "g"); return err }},
	{"HGetAll", "hash", func(h *host, k string) error { _, err := h.HGetAll(h.ctx, k); return err }},
	{"HDel", "hash", func(h *host, k string) error { _, err := h.HDel(h.ctx, k, "z"); return err }},
	{"HLen", "hash", func(h *host, k string) error { _, err := h.HLen(h.ctx, k); return err }},
	{"HIncrBy", "hash", func(h *host, k string) error { _, err := h.HIncrBy(h.ctx, k, "f", 1); return err }},
	{"HSetNX", "hash", func(h *host, k string) error { _, err := h.HSetNX(h.ctx, k, "f", "1"); return err }},
	{"HScan", "hash", func(h *host, k string) error { _, _, err := h.HScan(h.ctx, k, "", "", 1); return err }},
	{"ZAdd", "zset", func(h *host, k string) error { _, err := h.ZAdd(h.ctx, k, cache.Member{Name: "g"}); return err }},
	{"ZRem", "zset", func(h *host, k string) error { _, err := h.ZRem(h.ctx, k, "z"); return err }},
	{"ZScore", "zset", func(h *host, k string) error { _, _, err := h.ZScore(h.ctx, k, "f"); return err }},
	{"ZCard", "zset", func(h *host, k string) error { _, err := h.ZCard(h.ctx, k); return err }},
	{"ZRangeByScore", "zset", func(h *host, k string) error {
		_, err := h.ZRangeByScore(h.ctx, k, cache.ScoreRange{Max: 1})
		return err
	}},
	{"ZAddIf", "zset", func(h *host, k string) error {
		_, err := h.ZAddIf(h.ctx, k, cache.ZAddOptions{XX: true}, cache.Member{Name: "g"})
		return err
	}},
	{"ZIncrBy", "zset", func(h *host, k string) error {
		_, _, err := h.ZIncrBy(h.ctx, k, "g", 1, cache.ZAddOptions{})
		return err
	}},
	{"ZRemRangeByScore", "zset", func(h *host, k string) error {
		_, err := h.ZRemRangeByScore(h.ctx, k, cache.ScoreRange{Max: 1})
		return err
	}},
	{"ZRemRangeByRank", "zset", func(h *host, k string) error { _, err := h.ZRemRangeByRank(h.ctx, k, 0, 1); return err }},
	{"ZRank", "zset", func(h *host, k string) error { _, _, err := h.ZRank(h.ctx, k, "f", true); return err }},
	{"ZCount", "zset", func(h *host, k string) error { _, err := h.ZCount(h.ctx, k, cache.ScoreRange{Max: 1}); return err }},
	{"ZRange", "zset", func(h *host, k string) error { _, err := h.ZRange(h.ctx, k, 0, 1, false); return err }},
	{"GeoPos", "zset", func(h *host, k string) error { _, err := h.GeoPos(h.ctx, k, "f"); return err }},
	{"GeoDist", "zset", func(h *host, k string) error { _, _, err := h.GeoDist(h.ctx, k, "f", "f"); return err }},
	{"GeoHash", "zset", func(h *host, k string) error { _, err := h.GeoHash(h.ctx, k, "f"); return err }},
	{"GeoAdd", "zset", func(h *host, k string) error { _, err := h.GeoAdd(h.ctx, k, cache.GeoMember{Name: "g"}); return err }},
	{"GeoSearch", "zset", func(h *host, k string) error {
		_, err := h.GeoSearch(h.ctx, k, cache.GeoQuery{RadiusM: 1})
		return err
	}},
	{"XAdd", "stream", func(h *host, k string) error {
		_, err := h.XAdd(h.ctx, k, "*", cache.Trim{}, fields("f", "v")...)
		return err
	}},
	{"XRange", "stream", func(h *host, k string) error { _, err := h.XRange(h.ctx, k, "-", "+", 0); return err }},
	{"XRevRange", "stream", func(h *host, k string) error { _, err := h.XRevRange(h.ctx, k, "+", "-", 0); return err }},
	{"XTrim", "stream", func(h *host, k string) error { _, err := h.XTrim(h.ctx, k, cache.Trim{MinID: "0-1"}); return err }},
	{"XRead", "stream", func(h *host, k string) error {
		_, err := h.XRead(h.ctx, 0, 0, cache.ReadFrom{Key: k, After: "$"})
		return err
	}},
	{"XLen", "stream", func(h *host, k string) error { _, err := h.XLen(h.ctx, k); return err }},
}

func testTypes(t *testing.T, h *host) {
	require.Equal(t, "none", must(h.Type(h.ctx, h.key("none")))(t))
	for typ, hold := range holders {
		t.Run(typ, func(t *testing.T) {
			own := h.sub(t)
			key := own.key(typ)
			hold(t, own, key)
			require.Equal(t, typ, must(own.Type(h.ctx, key))(t))
			before := must(Dump(h.ctx, own, own.tag))(t)
			for _, c := range typed {
				if c.wants == typ {
					continue
				}
				require.ErrorIs(t, c.call(own, key), cache.ErrWrongType, "%s on a %s", c.op, typ)
				require.Empty(t, before.Diff(must(Dump(h.ctx, own, own.tag))(t)), "%s changed a %s", c.op, typ)
			}
			// Those that do not care.
			must(own.Expire(h.ctx, key, time.Hour, 0))(t)
			require.Equal(t, []cache.Optional{missing}, must(own.MGet(h.ctx, own.key("other")))(t))
			require.EqualValues(t, 1, must(own.Del(h.ctx, key))(t))
			require.Equal(t, "none", must(own.Type(h.ctx, key))(t))
		})
	}
}

// awkward are strings that are easily damaged on the way.
var awkward = []string{
	"", "\x00", "a\x00b", "\xff\xfe", "\r\n", "$-1\r\n", "*3\r\n", "{", "}", "%", "héllo", "\u2028", "🛵",
	strings.Repeat("long", 5000), strings.Repeat("\x00", 70),
}

func testBytes(t *testing.T, h *host) {
	for i, s := range awkward {
		own := h.sub(t)
		// The tag comes first, so that a brace in s belongs to the name.
		key := func(kind string) string { return "{" + own.tag + "}" + kind + s }

		must(own.Set(h.ctx, key("s"), s, cache.SetOptions{}))(t)
		require.Equal(t, got(s), must(own.Get(h.ctx, key("s")))(t), "case %d", i)
		require.Equal(t, []cache.Optional{got(s)}, must(own.MGet(h.ctx, key("s")))(t))

		must(own.RPush(h.ctx, key("l"), s))(t)
		require.Equal(t, []string{s}, must(own.LRange(h.ctx, key("l"), 0, 0))(t), "case %d", i)

		must(own.SAdd(h.ctx, key("m"), s))(t)
		require.Equal(t, []string{s}, must(own.SMembers(h.ctx, key("m")))(t), "case %d", i)

		must(own.HSet(h.ctx, key("h"), cache.Field{Name: s, Value: s}))(t)
		require.Equal(t, map[string]string{s: s}, must(own.HGetAll(h.ctx, key("h")))(t), "case %d", i)

		must(own.ZAdd(h.ctx, key("z"), cache.Member{Name: s, Score: 1}))(t)
		require.Equal(t, []cache.Member{{Name: s, Score: 1}}, allMembers(t, own, key("z")), "case %d", i)

		must(own.GeoAdd(h.ctx, key("g"), cache.GeoMember{Name: s}))(t)
		require.Equal(t, []string{s}, hitNames(must(own.GeoSearch(h.ctx, key("g"), cache.GeoQuery{RadiusM: 5}))(t)))

		must(own.XAdd(h.ctx, key("x"), "1-1", cache.Trim{}, cache.Field{Name: s, Value: s}))(t)
		require.Equal(t, []cache.Entry{{ID: "1-1", Fields: fields(s, s)}}, must(own.XRange(h.ctx, key("x"), "-", "+", 0))(t))

		want := []string{key("s"), key("l"), key("m"), key("h"), key("z"), key("g"), key("x")}
		require.ElementsMatch(t, want, scanAll(t, own, "{"+own.tag+"}*", 100), "case %d", i)
		require.EqualValues(t, len(want), must(own.Del(h.ctx, want...))(t))
	}
	t.Run("members are ordered by bytes, not letters", func(t *testing.T) {
		k := h.key("order")
		want := []string{"", "\x00", "\x00a", "A", "Z", "a", "z", "\x7f", "é", "\xff", "\xff\x00"}
		for i := range want {
			must(h.ZAdd(h.ctx, k, cache.Member{Name: want[i*7%len(want)], Score: math.Pi}))(t)
		}
		require.Equal(t, want, memberNames(allMembers(t, h, k)))
	})
}
