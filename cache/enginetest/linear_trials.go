package enginetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"hyperlocal/cache"
)

// testLinear runs every trial. A key missing is the zero value of its state.
func testLinear(t *testing.T, h *host) {
	t.Run("a register", func(t *testing.T) { requireLinear(t, h.sub(t), registers) })
	t.Run("a counter", func(t *testing.T) { requireLinear(t, h.sub(t), counters) })
	t.Run("fields of a hash", func(t *testing.T) { requireLinear(t, h.sub(t), hashFields) })
	t.Run("scores of a sorted set", func(t *testing.T) { requireLinear(t, h.sub(t), scores) })
	t.Run("a list as a queue", func(t *testing.T) { requireLinear(t, h.sub(t), queues) })
	t.Run("compare and set by script", func(t *testing.T) {
		h.needScripts(t)
		requireLinear(t, h.sub(t), swaps)
	})
	t.Run("transfer by script", func(t *testing.T) {
		h.needScripts(t)
		requireLinear(t, h.sub(t), transfers)
	})
}

// linear makes a call whose reply is printed by Sprint, on both sides.
func linear[S comparable, T any](text string, do func(ctx context.Context, e cache.Engine) (T, error), on func(s S) (T, S)) linearCall[S] {
	return linearCall[S]{
		text: text,
		do: func(ctx context.Context, e cache.Engine) (string, error) {
			reply, err := do(ctx, e)
			return fmt.Sprint(reply), err
		},
		on: func(s S) (string, S) {
			reply, next := on(s)
			return fmt.Sprint(reply), next
		},
	}
}

type register = cache.Optional

func readRegister(key string) linearCall[register] {
	return linear("Get",
		func(ctx context.Context, e cache.Engine) (register, error) { return e.Get(ctx, key) },
		func(s register) (register, register) { return s, s })
}

func writeRegister(key, value string, nx bool) linearCall[register] {
	return linear(fmt.Sprintf("Set %s nx=%t", value, nx),
		func(ctx context.Context, e cache.Engine) (bool, error) {
			return e.Set(ctx, key, value, cache.SetOptions{NX: nx})
		},
		func(s register) (bool, register) {
			if nx && s.OK {
				return false, s
			}
			return true, got(value)
		})
}

var registers = linearTrial[register]{draw: func(r *rand.Rand, keys linearKeys, n int) linearCall[register] {
	switch r.IntN(6) {
	case 0, 1:
		return readRegister(keys.a)
	case 2:
		return writeRegister(keys.a, strconv.Itoa(n), false)
	case 3:
		return writeRegister(keys.a, strconv.Itoa(n), true)
	case 4:
		return linear("GetDel",
			func(ctx context.Context, e cache.Engine) (register, error) { return e.GetDel(ctx, keys.a) },
			func(s register) (register, register) { return s, missing })
	}
	return linear("Del",
		func(ctx context.Context, e cache.Engine) (int64, error) { return e.Del(ctx, keys.a) },
		func(s register) (int64, register) { return count(s.OK), missing })
}}

func count(oks ...bool) (n int64) {
	for _, ok := range oks {
		if ok {
			n++
		}
	}
	return n
}

var counters = linearTrial[register]{draw: func(r *rand.Rand, keys linearKeys, n int) linearCall[register] {
	if r.IntN(3) == 0 {
		return readRegister(keys.a)
	}
	return linear(fmt.Sprint("IncrBy ", n),
		func(ctx context.Context, e cache.Engine) (int64, error) { return e.IncrBy(ctx, keys.a, int64(n)) },
		func(s register) (int64, register) { return increased(s, n) })
}}

func increased(s register, by int) (int64, register) {
	n, _ := strconv.Atoi(s.Str) // "" is none yet
	n += by
	return int64(n), got(strconv.Itoa(n))
}

// twoFields are the fields "0" and "1" of a hash, or the values of two keys.
type twoFields [2]register

var hashFields = linearTrial[twoFields]{draw: func(r *rand.Rand, keys linearKeys, n int) linearCall[twoFields] {
	i, value := r.IntN(2), strconv.Itoa(n)
	field := strconv.Itoa(i)
	switch r.IntN(7) {
	case 0, 1:
		return linear("HMGet both",
			func(ctx context.Context, e cache.Engine) ([]register, error) { return e.HMGet(ctx, keys.a, "0", "1") },
			func(s twoFields) ([]register, twoFields) { return s[:], s })
	case 2:
		return linear("HSet both "+value,
			func(ctx context.Context, e cache.Engine) (int64, error) {
				return e.HSet(ctx, keys.a, fields("0", value, "1", value)...)
			},
			func(s twoFields) (int64, twoFields) {
				return count(!s[0].OK, !s[1].OK), twoFields{got(value), got(value)}
			})
	case 3:
		return linear("HSetNX "+field+" "+value,
			func(ctx context.Context, e cache.Engine) (bool, error) { return e.HSetNX(ctx, keys.a, field, value) },
			func(s twoFields) (bool, twoFields) {
				if s[i].OK {
					return false, s
				}
				s[i] = got(value)
				return true, s
			})
	case 4:
		return linear("HIncrBy "+field+" "+value,
			func(ctx context.Context, e cache.Engine) (int64, error) {
				return e.HIncrBy(ctx, keys.a, field, int64(n))
			},
			func(s twoFields) (sum int64, next twoFields) {
				sum, s[i] = increased(s[i], n)
				return sum, s
			})
	case 5:
		return linear("HLen",
			func(ctx context.Context, e cache.Engine) (int64, error) { return e.HLen(ctx, keys.a) },
			func(s twoFields) (int64, twoFields) { return count(s[0].OK, s[1].OK), s })
	}
	return linear("HDel "+field,
		func(ctx context.Context, e cache.Engine) (int64, error) { return e.HDel(ctx, keys.a, field) },
		func(s twoFields) (removed int64, next twoFields) {
			removed, s[i] = count(s[i].OK), missing
			return removed, s
		})
}}

// twoScores are the members "0" and "1" of a sorted set.
type twoScores [2]struct {
	score float64
	ok    bool
}

// members are in the order of the set.
func (s twoScores) members() []cache.Member {
	var ms []cache.Member
	for i, m := range s {
		if m.ok {
			ms = append(ms, cache.Member{Name: strconv.Itoa(i), Score: m.score})
		}
	}
	if len(ms) == 2 && ms[1].Score < ms[0].Score {
		ms[0], ms[1] = ms[1], ms[0]
	}
	return ms
}

var scores = linearTrial[twoScores]{draw: func(r *rand.Rand, keys linearKeys, n int) linearCall[twoScores] {
	i, score := r.IntN(2), float64(n)
	name := strconv.Itoa(i)
	switch r.IntN(5) {
	case 0, 1:
		return linear("ZRange all",
			func(ctx context.Context, e cache.Engine) ([]cache.Member, error) {
				return e.ZRangeByScore(ctx, keys.a, cache.ScoreRange{Min: negInf, Max: inf})
			},
			func(s twoScores) ([]cache.Member, twoScores) { return s.members(), s })
	case 2:
		return linear(fmt.Sprintf("ZAdd %s %v", name, score),
			func(ctx context.Context, e cache.Engine) (int64, error) {
				return e.ZAdd(ctx, keys.a, cache.Member{Name: name, Score: score})
			},
			func(s twoScores) (added int64, next twoScores) {
				added = count(!s[i].ok)
				s[i].score, s[i].ok = score, true
				return added, s
			})
	case 3:
		return linear(fmt.Sprintf("ZIncrBy %s %v", name, score),
			func(ctx context.Context, e cache.Engine) (float64, error) {
				sum, _, err := e.ZIncrBy(ctx, keys.a, name, score, cache.ZAddOptions{})
				return sum, err
			},
			func(s twoScores) (float64, twoScores) {
				s[i].score, s[i].ok = s[i].score+score, true
				return s[i].score, s
			})
	}
	return linear("ZRem "+name,
		func(ctx context.Context, e cache.Engine) (int64, error) { return e.ZRem(ctx, keys.a, name) },
		func(s twoScores) (removed int64, next twoScores) {
			removed = count(s[i].ok)
			s[i].score, s[i].ok = 0, false
			return removed, s
		})
}}

// queue is the values of a list, each with a comma behind it.
type queue string

func (q queue) values() []string {
	values := strings.Split(string(q), ",")
	return values[:len(values)-1]
}

var queues = linearTrial[queue]{draw: func(r *rand.Rand, keys linearKeys, n int) linearCall[queue] {
	value := strconv.Itoa(n)
	switch r.IntN(5) {
	case 0, 1:
		return linear("RPush "+value,
			func(ctx context.Context, e cache.Engine) (int64, error) { return e.RPush(ctx, keys.a, value) },
			func(q queue) (int64, queue) {
				q += queue(value + ",")
				return int64(len(q.values())), q
			})
	case 2, 3:
		return linear("LPop 1",
			func(ctx context.Context, e cache.Engine) ([]string, error) { return e.LPop(ctx, keys.a, 1) },
			func(q queue) ([]string, queue) {
				if q == "" {
					return nil, q
				}
				first, rest, _ := strings.Cut(string(q), ",")
				return []string{first}, queue(rest)
			})
	}
	return linear("LRange all",
		func(ctx context.Context, e cache.Engine) ([]string, error) { return e.LRange(ctx, keys.a, 0, -1) },
		func(q queue) ([]string, queue) { return q.values(), q })
}}

// compareAndSet writes ARGV[2] if the key holds ARGV[1], "" being none.
var compareAndSet = &cache.Script{
	Name: "enginetest.compare_and_set",
	Lua: `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
	return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		if tx.Get(keys[0]).Str != args[0] {
			return cache.Int(0)
		}
		tx.Set(keys[0], args[1], 0)
		return cache.Int(1)
	},
}

// Few values, so that the comparison often holds.
var swaps = linearTrial[register]{draw: func(r *rand.Rand, keys linearKeys, _ int) linearCall[register] {
	if r.IntN(3) == 0 {
		return readRegister(keys.a)
	}
	old, value := []string{"", "1", "2"}[r.IntN(3)], []string{"1", "2"}[r.IntN(2)]
	return linear(fmt.Sprintf("compare %q and set %q", old, value),
		func(ctx context.Context, e cache.Engine) (int64, error) {
			v, err := e.Run(ctx, compareAndSet, []string{keys.a}, []string{old, value})
			return v.Int, err
		},
		func(s register) (int64, register) {
			if s.Str != old {
				return 0, s
			}
			return 1, got(value)
		})
}}

// transfer takes ARGV[1] from one key's number and gives it to the other's.
var transfer = &cache.Script{
	Name: "enginetest.transfer",
	Lua: `
local from, to = tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(redis.call('GET', KEYS[2]) or 0)
redis.call('SET', KEYS[1], string.format('%d', from - ARGV[1]))
redis.call('SET', KEYS[2], string.format('%d', to + ARGV[1]))
return from - ARGV[1]`,
	Go: func(tx cache.Tx, keys, args []string) cache.Value {
		by, _ := strconv.Atoi(args[0])
		from, _ := strconv.Atoi(tx.Get(keys[0]).Str) // "" is none yet
		to, _ := strconv.Atoi(tx.Get(keys[1]).Str)
		tx.Set(keys[0], strconv.Itoa(from-by), 0)
		tx.Set(keys[1], strconv.Itoa(to+by), 0)
		return cache.Int(int64(from - by))
	},
}

var transfers = linearTrial[twoFields]{draw: func(r *rand.Rand, keys linearKeys, n int) linearCall[twoFields] {
	if r.IntN(3) == 0 {
		return linear("MGet both",
			func(ctx context.Context, e cache.Engine) ([]register, error) { return e.MGet(ctx, keys.a, keys.b) },
			func(s twoFields) ([]register, twoFields) { return s[:], s })
	}
	return linear(fmt.Sprint("transfer ", n),
		func(ctx context.Context, e cache.Engine) (int64, error) {
			v, err := e.Run(ctx, transfer, []string{keys.a, keys.b}, []string{strconv.Itoa(n)})
			return v.Int, err
		},
		func(s twoFields) (left int64, next twoFields) {
			left, s[0] = increased(s[0], -n)
			_, s[1] = increased(s[1], n)
			return left, s
		})
}}
