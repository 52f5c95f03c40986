package enginetest_test

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
)

// take takes units of one product from a shelf, KEYS[1], unless there are too
// few. It answers what is left, or -1.
var take = &cache.Script{
	Name: "example.take",
	Lua: `
local left = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) - tonumber(ARGV[2])
if left < 0 then return -1 end
return redis.call('HINCRBY', KEYS[1], ARGV[1], -tonumber(ARGV[2]))`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		have, _ := strconv.ParseInt(tx.HGet(keys[0], args[0]).Str, 10, 64)
		units, _ := strconv.ParseInt(args[1], 10, 64)
		if have < units {
			return cache.Int(-1)
		}
		return cache.Int(tx.HIncrBy(keys[0], args[0], -units))
	},
}

// put lays units of a product on the shelf.
var put = &cache.Script{
	Name: "example.put",
	Lua:  `return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		units, _ := strconv.ParseInt(args[1], 10, 64)
		return cache.Int(tx.HIncrBy(keys[0], args[0], units))
	},
}

// drawLine draws from so little that calls meet: three products, few units.
func drawLine(t *rapid.T, tag string) (keys, args []string) {
	product := rapid.SampledFrom([]string{"milk", "bread", "eggs"}).Draw(t, "product")
	units := rapid.IntRange(0, 5).Draw(t, "units")
	return []string{enginetest.Key(tag, "shelf")}, []string{product, strconv.Itoa(units)}
}

// One script on its own, in a test of the package that owns it.
func ExampleCompareTwins() {
	_ = func(t *testing.T) {
		enginetest.CompareTwins(t, put, drawLine, enginetest.Memory(t), enginetest.Redis(t))
	}
}

// Scripts that work on the same keys, the shelf being filled first.
func ExampleCompareCalls() {
	draw := func(t *rapid.T, tag string, step int) cache.Call {
		script := put
		if step > 0 {
			script = rapid.SampledFrom([]*cache.Script{put, take}).Draw(t, "script")
		}
		keys, args := drawLine(t, tag)
		return cache.Call{Script: script, Keys: keys, Args: args}
	}
	_ = func(t *testing.T) {
		enginetest.CompareCalls(t, draw, enginetest.Memory(t), enginetest.Redis(t))
	}
}
