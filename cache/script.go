package cache

import (
	"context"
	"fmt"
	"time"
)

// Script is one atomic operation over several keys, written twice: in Lua for
// Redis and in Go for the memory engine. The package that owns the operation
// keeps both side by side, and its tests run them on the same inputs and ask
// for the same replies and the same keys afterwards
// (cache/enginetest.CompareTwins).
//
// A script is deterministic: time and ids come in as arguments. Everything it
// refuses it refuses before its first write, since neither host undoes.
type Script struct {
	// Name is for errors, metrics and logs.
	Name string
	// Lua sees KEYS and ARGV. Whole numbers are returned as integers; floats
	// as strings. Lua's numbers are floats: whole ones are exact within ±2^53.
	Lua string
	// Go is the twin. keys and args are those of the call, not to be kept.
	Go func(tx Tx, keys, args []string) Value
	// AllowOOM lets the script run whole when the data set is at its limit: it
	// is needed to make room, and takes little itself. It is Redis's flag
	// allow-oom. Any other script is refused with ErrOutOfMemory at its first
	// write if that may take memory.
	AllowOOM bool
}

// SetScript sets KEYS[1] to ARGV[1], without a time to live. It is for the marks
// of those who make room, since it works at the memory limit, too.
var SetScript = &Script{
	Name:     "set",
	AllowOOM: true,
	Lua:      `redis.call('SET', KEYS[1], ARGV[1]) return 1`,
	Go: func(tx Tx, keys, args []string) Value {
		tx.Set(keys[0], args[0], 0)
		return Int(1)
	},
}

// Call is one run of a script.
type Call struct {
	Script *Script
	Keys   []string // one hash tag
	Args   []string // binary-safe
}

// Result is the outcome of a Call.
type Result struct {
	Value Value
	Err   error
}

// Scripts run on the host, atomically with respect to everything else on the
// keys' slot.
type Scripts interface {
	Run(ctx context.Context, s *Script, keys, args []string) (Value, error)
	// RunAll runs the calls, which may be on different slots, overlapped and
	// with one wait for durability. It is not atomic across calls; those on
	// one slot keep their order.
	RunAll(ctx context.Context, calls []Call) []Result
}

// Tx is what a script's Go twin sees: the commands that Lua would reach by
// redis.call, without network, locks or contexts. It is valid during the call
// only. The first error (a wrong type, say) sticks: later operations do
// nothing and return zero values, and Run returns that error.
type Tx interface {
	Exists(key string) bool
	Del(key string) bool
	Expire(key string, ttl time.Duration) bool
	// Rename gives a key another name, in the place of what has that name, and
	// reports whether there is such a key.
	Rename(from, to string) bool

	Get(key string) Optional
	Set(key, value string, ttl time.Duration)

	HGet(key, field string) Optional
	// HMGet answers in the order of fields; many at once are cheaper than each
	// alone, as they are with HSetAll and ZAddAll.
	HMGet(key string, fields []string) []Optional
	HSet(key, field, value string) (added bool)
	// HSetAll returns how many fields are new.
	HSetAll(key string, fields []Field) int64
	HDel(key, field string) bool
	HLen(key string) int64
	HIncrBy(key, field string, delta int64) int64
	// HGetAll returns the fields in no particular order.
	HGetAll(key string) []Field
	// HFields finds fields of different names of a hash, once for all that the
	// script does with them.
	HFields(key string, names []string) HashFields

	ZAdd(key, name string, score float64) (added bool)
	// ZAddAll returns how many members are new.
	ZAddAll(key string, members []Member) int64
	ZRem(key, name string) bool
	ZScore(key, name string) (float64, bool)
	ZCard(key string) int64
	ZRangeByScore(key string, r ScoreRange) []Member

	XAdd(key, id string, maxLen int, fields ...Field) string
	XRange(key, start, end string, count int) []Entry
	XRevRange(key, end, start string, count int) []Entry
	XTrim(key, minID string) int64

	// Publish reaches subscribers after the script's effects are durable.
	Publish(channel, payload string)

	// Err is the error that stuck, or nil.
	Err() error
}

// HashFields are some fields of a hash that a script has found: HGET and HSET
// without looking for them again. They are good until the script changes the hash
// in any other way. A field's number is its place among the names asked for.
type HashFields interface {
	// Exists reports whether there was a hash.
	Exists() bool
	// Get returns a field's value: a view, good until the field is written.
	Get(i int) Optional
	Set(i int, value string)
	// Append puts text behind a field's value, which is empty if there is none. It
	// costs as much as the text is long, not the value. If the value has to move, it
	// gets room for so many bytes more; that changes nothing but time and memory.
	Append(i int, text string, room int)
}

// Kind tells what a Value is.
type Kind uint8

// The kinds of Value.
const (
	KindNil Kind = iota
	KindInt
	KindString
	KindList
)

// Value is the reply of a script.
type Value struct {
	Kind Kind
	Int  int64
	Str  string
	List []Value
}

// Int makes an integer reply.
func Int(n int64) Value { return Value{Kind: KindInt, Int: n} }

// String makes a string reply.
func String(s string) Value { return Value{Kind: KindString, Str: s} }

// List makes a list reply.
func List(vs ...Value) Value { return Value{Kind: KindList, List: vs} }

// Format prints a reply in the manner of redis-cli, for test failures.
func (v Value) Format(f fmt.State, _ rune) {
	switch v.Kind {
	case KindNil:
		fmt.Fprint(f, "(nil)")
	case KindInt:
		fmt.Fprintf(f, "(integer) %d", v.Int)
	case KindString:
		fmt.Fprintf(f, "%q", v.Str)
	case KindList:
		fmt.Fprintf(f, "%v", v.List)
	}
}
