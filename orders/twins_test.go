package orders

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// Lua and Go must do the same to an order and to the outbox. Versions are drawn
// from a few, so that writes are refused as often as not, and sequences that
// are too low make the stream refuse.
func TestTwins(t *testing.T) {
	enginetest.CompareCalls(t, drawCall, enginetest.Memory(t), enginetest.Redis(t))
}

func drawCall(t *rapid.T, tag string, step int) cache.Call {
	outbox := enginetest.Key(tag, "changed")
	mark := cache.Member{
		Name:  rapid.SampledFrom([]string{"o1", "o2"}).Draw(t, "order"),
		Score: float64(1_764_000_000_000 + rapid.Int64Range(0, 2).Draw(t, "score")),
	}
	switch rapid.SampledFrom([]string{"put", "put", "mark", "forget"}).Draw(t, "what") {
	case "mark":
		return cache.Call{Script: markScript, Keys: []string{outbox}, Args: []string{mark.Name, fmt.Sprintf("%.0f", mark.Score)}}
	case "forget":
		return forgetCall(outbox, mark)
	}
	before := rapid.Int64Range(0, 3).Draw(t, "before")
	order := persist.Order{
		ID: tag, Version: rapid.Int64Range(1, 4).Draw(t, "version"),
		Status:   rapid.SampledFrom([]string{"placed", "accepted"}).Draw(t, "status"),
		DriverID: rapid.SampledFrom([]string{"", "d7", "ü \"\n"}).Draw(t, "driver"),
		DropLat:  12.5, UpdatedTS: int64(step), Lines: []persist.Line{{ProductID: "p", Units: 1}},
	}
	if rapid.Bool().Draw(t, "right") {
		before = order.Version - 1
	}
	var events []persist.OrderEvent
	for i := range rapid.Int64Range(0, 2).Draw(t, "events") {
		events = append(events, persist.OrderEvent{
			Seq: order.Version + i, TS: int64(step), Status: order.Status, DriverID: order.DriverID,
			Note: rapid.SampledFrom([]string{"", "a note"}).Draw(t, "note"),
		})
	}
	call, err := putCall(before, order, rapid.SampledFrom([]string{"", `{"seq":1}`}).Draw(t, "message"), events)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// markScript puts an order into the outbox, which the package does by a plain
// command.
var markScript = &cache.Script{
	Name: "test_mark",
	Lua:  `return redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		var score float64
		_, _ = fmt.Sscan(args[1], &score)
		if tx.ZAdd(keys[0], args[0], score) {
			return cache.Int(1)
		}
		return cache.Int(0)
	},
}
