package enginetest

import (
	"math"
	"strconv"
	"time"

	"hyperlocal/cache"
)

// command is one operation inside a script, in Redis's words.
type command []string

// interpreter is a script that runs the commands in its arguments and returns
// their replies. With it the suite reaches every operation of cache.Tx on one
// host and redis.call on the other, in any order.
//
// Each command comes as its name, the number of its arguments, and these.
// Where the hosts' replies are not comparable they are reduced: HGETALL, which
// has no order, to the number of fields; integers that are not exact in Lua,
// whose numbers are floats, to the string "(large)"; nothing at all, which
// would cut a Lua list short, to the string "(nil)".
var interpreter = &cache.Script{
	Name: "enginetest.interpreter",
	Lua: `
local replies, i = {}, 1
while i <= #ARGV do
	local name, n = ARGV[i], tonumber(ARGV[i + 1])
	local reply = redis.call(name, unpack(ARGV, i + 2, i + 1 + n))
	if name == 'HGETALL' then
		reply = #reply / 2
	elseif reply == false then
		reply = '(nil)'
	elseif type(reply) == 'table' and reply.ok then
		reply = reply.ok
	elseif type(reply) == 'number' and math.abs(reply) >= 2^53 then
		reply = '(large)'
	end
	replies[#replies + 1] = reply
	i = i + 2 + n
end
return replies`,
	Go: func(tx cache.Tx, _, args []string) cache.Value {
		replies := []cache.Value{}
		for len(args) > 0 && tx.Err() == nil {
			n, _ := strconv.Atoi(args[1])
			replies = append(replies, interpret(tx, args[0], args[2:2+n]))
			args = args[2+n:]
		}
		return cache.List(replies...)
	},
}

// program is the call of the interpreter that runs the commands.
func program(keys []string, commands ...command) cache.Call {
	var args []string
	for _, c := range commands {
		args = append(args, c[0], strconv.Itoa(len(c)-1))
		args = append(args, c[1:]...)
	}
	return cache.Call{Script: interpreter, Keys: keys, Args: args}
}

func interpret(tx cache.Tx, name string, a []string) cache.Value {
	switch name {
	case "EXISTS":
		return flag(tx.Exists(a[0]))
	case "DEL":
		return flag(tx.Del(a[0]))
	case "PEXPIRE":
		return flag(tx.Expire(a[0], millis(a[1])))
	case "GET":
		return orNil(tx.Get(a[0]))
	case "SET":
		var ttl time.Duration
		if len(a) == 4 { // key, value, PX, ms
			ttl = millis(a[3])
		}
		tx.Set(a[0], a[1], ttl)
		return cache.String("OK")
	case "HGET":
		return orNil(tx.HGet(a[0], a[1]))
	case "HSET":
		return flag(tx.HSet(a[0], a[1], a[2]))
	case "HDEL":
		return flag(tx.HDel(a[0], a[1]))
	case "HLEN":
		return cache.Int(tx.HLen(a[0]))
	case "HINCRBY":
		n := tx.HIncrBy(a[0], a[1], integer(a[2]))
		if n >= 1<<53 || n <= -1<<53 {
			return cache.String("(large)")
		}
		return cache.Int(n)
	case "HGETALL":
		return cache.Int(int64(len(tx.HGetAll(a[0]))))
	case "ZADD":
		return flag(tx.ZAdd(a[0], a[2], float(a[1])))
	case "ZREM":
		return flag(tx.ZRem(a[0], a[1]))
	case "ZSCORE":
		score, ok := tx.ZScore(a[0], a[1])
		return orNil(cache.Optional{Str: scoreText(score), OK: ok})
	case "ZCARD":
		return cache.Int(tx.ZCard(a[0]))
	case "ZRANGEBYSCORE": // key, min, max, WITHSCORES, LIMIT, offset, count
		return flat(tx.ZRangeByScore(a[0], cache.ScoreRange{
			Min: float(a[1]), Max: float(a[2]), Offset: int(integer(a[5])), Limit: int(integer(a[6]))}))
	case "ZREVRANGEBYSCORE":
		return flat(tx.ZRangeByScore(a[0], cache.ScoreRange{
			Min: float(a[2]), Max: float(a[1]), Offset: int(integer(a[5])), Limit: int(integer(a[6])), Reverse: true}))
	case "XADD": // key, MAXLEN, =, n, id, name, value
		return cache.String(tx.XAdd(a[0], a[4], int(integer(a[3])), cache.Field{Name: a[5], Value: a[6]}))
	case "XRANGE": // key, start, end, COUNT, n
		return nested(tx.XRange(a[0], a[1], a[2], int(integer(a[4]))))
	case "XREVRANGE":
		return nested(tx.XRevRange(a[0], a[1], a[2], int(integer(a[4]))))
	case "XTRIM": // key, MINID, =, id
		return cache.Int(tx.XTrim(a[0], a[3]))
	case "SPUBLISH":
		tx.Publish(a[0], a[1])
		return cache.Int(0) // draw none in comparisons: Lua answers the number of subscribers
	}
	return cache.String("unknown command " + name)
}

func flag(b bool) cache.Value {
	if b {
		return cache.Int(1)
	}
	return cache.Int(0)
}

func orNil(o cache.Optional) cache.Value {
	if o.OK {
		return cache.String(o.Str)
	}
	return cache.String("(nil)")
}

func flat(members []cache.Member) cache.Value {
	out := []cache.Value{}
	for _, m := range members {
		out = append(out, cache.String(m.Name), cache.String(scoreText(m.Score)))
	}
	return cache.List(out...)
}

func nested(entries []cache.Entry) cache.Value {
	out := []cache.Value{}
	for _, e := range entries {
		fs := []cache.Value{}
		for _, f := range e.Fields {
			fs = append(fs, cache.String(f.Name), cache.String(f.Value))
		}
		out = append(out, cache.List(cache.String(e.ID), cache.List(fs...)))
	}
	return cache.List(out...)
}

// scoreText is a score as Lua sees it, for the scores drawn here: infinite, or
// few binary digits.
func scoreText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func integer(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }

func float(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }

func millis(s string) time.Duration { return time.Duration(integer(s)) * time.Millisecond }
