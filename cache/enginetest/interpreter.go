package enginetest

import (
	"math"
	"slices"
	"strconv"
	"strings"
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
	local reply
	if name == 'RENAME' then
		reply = redis.call('EXISTS', ARGV[i + 2])
		if reply == 1 then redis.call('RENAME', ARGV[i + 2], ARGV[i + 3]) end
	elseif name == 'HEXTEND' or name == 'HFILL' then
		reply = {}
		for a = i + 3, i + 1 + n, 2 do
			local was = redis.call('HGET', ARGV[i + 2], ARGV[a])
			local front = name == 'HEXTEND' and was or ''
			redis.call('HSET', ARGV[i + 2], ARGV[a], front .. ARGV[a + 1])
			reply[#reply + 1] = was or '(nil)'
		end
	else
		reply = redis.call(name, unpack(ARGV, i + 2, i + 1 + n))
	end
	if name == 'HGETALL' then
		reply = #reply / 2
	elseif reply == false then
		reply = '(nil)'
	elseif name == 'HMGET' then
		for j = 1, #reply do reply[j] = reply[j] or '(nil)' end
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
			replies = append(replies, interpret[args[0]](tx, args[2:2+n]))
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

// interpret is the Go twin of redis.call: each of its commands, given the
// arguments.
var interpret = map[string]func(tx cache.Tx, a []string) cache.Value{
	"EXISTS": func(tx cache.Tx, a []string) cache.Value {
		return flag(tx.Exists(a[0]))
	},
	"DEL": func(tx cache.Tx, a []string) cache.Value {
		return flag(tx.Del(a[0]))
	},
	"RENAME": func(tx cache.Tx, a []string) cache.Value {
		return flag(tx.Rename(a[0], a[1]))
	},
	"PEXPIRE": func(tx cache.Tx, a []string) cache.Value {
		return flag(tx.Expire(a[0], millis(a[1])))
	},
	"GET": func(tx cache.Tx, a []string) cache.Value {
		return orNil(tx.Get(a[0]))
	},
	"SET": func(tx cache.Tx, a []string) cache.Value {
		var ttl time.Duration
		if len(a) == 4 { // key, value, PX, ms
			ttl = millis(a[3])
		}
		tx.Set(a[0], a[1], ttl)
		return cache.String("OK")
	},
	"HGET": func(tx cache.Tx, a []string) cache.Value {
		return orNil(tx.HGet(a[0], a[1]))
	},
	"HMGET": func(tx cache.Tx, a []string) cache.Value {
		values := []cache.Value{}
		for _, v := range tx.HMGet(a[0], a[1:]) {
			values = append(values, orNil(v))
		}
		return cache.List(values...)
	},
	"HSET": func(tx cache.Tx, a []string) cache.Value {
		if len(a) == 3 {
			return flag(tx.HSet(a[0], a[1], a[2]))
		}
		var fields []cache.Field
		for pair := range slices.Chunk(a[1:], 2) {
			fields = append(fields, cache.Field{Name: pair[0], Value: pair[1]})
		}
		return cache.Int(tx.HSetAll(a[0], fields))
	},
	"HDEL": func(tx cache.Tx, a []string) cache.Value {
		return flag(tx.HDel(a[0], a[1]))
	},
	"HLEN": func(tx cache.Tx, a []string) cache.Value {
		return cache.Int(tx.HLen(a[0]))
	},
	"HINCRBY": func(tx cache.Tx, a []string) cache.Value {
		n := tx.HIncrBy(a[0], a[1], integer(a[2]))
		if n >= 1<<53 || n <= -1<<53 {
			return cache.String("(large)")
		}
		return cache.Int(n)
	},
	"HEXTEND": func(tx cache.Tx, a []string) cache.Value {
		return eachField(tx, a, appendField)
	},
	"HFILL": func(tx cache.Tx, a []string) cache.Value {
		return eachField(tx, a, cache.HashFields.Set)
	},
	"HGETALL": func(tx cache.Tx, a []string) cache.Value {
		return cache.Int(int64(len(tx.HGetAll(a[0]))))
	},
	"ZADD": func(tx cache.Tx, a []string) cache.Value {
		if len(a) == 3 {
			return flag(tx.ZAdd(a[0], a[2], float(a[1])))
		}
		var members []cache.Member
		for pair := range slices.Chunk(a[1:], 2) {
			members = append(members, cache.Member{Score: float(pair[0]), Name: pair[1]})
		}
		return cache.Int(tx.ZAddAll(a[0], members))
	},
	"ZREM": func(tx cache.Tx, a []string) cache.Value {
		return flag(tx.ZRem(a[0], a[1]))
	},
	"ZSCORE": func(tx cache.Tx, a []string) cache.Value {
		score, ok := tx.ZScore(a[0], a[1])
		return orNil(cache.Optional{Str: scoreText(score), OK: ok})
	},
	"ZCARD": func(tx cache.Tx, a []string) cache.Value {
		return cache.Int(tx.ZCard(a[0]))
	},
	// key, min, max, WITHSCORES, LIMIT, offset, count
	"ZRANGEBYSCORE": func(tx cache.Tx, a []string) cache.Value {
		return flat(tx.ZRangeByScore(a[0], cache.ScoreRange{
			Min: float(a[1]), Max: float(a[2]), Offset: int(integer(a[5])), Limit: int(integer(a[6]))}))
	},
	"ZREVRANGEBYSCORE": func(tx cache.Tx, a []string) cache.Value {
		return flat(tx.ZRangeByScore(a[0], cache.ScoreRange{
			Min: float(a[2]), Max: float(a[1]), Offset: int(integer(a[5])), Limit: int(integer(a[6])), Reverse: true}))
	},
	// key, MAXLEN, =, n, id, name, value
	"XADD": func(tx cache.Tx, a []string) cache.Value {
		return cache.String(tx.XAdd(a[0], a[4], int(integer(a[3])), cache.Field{Name: a[5], Value: a[6]}))
	},
	// key, start, end, COUNT, n
	"XRANGE": func(tx cache.Tx, a []string) cache.Value {
		return nested(tx.XRange(a[0], a[1], a[2], int(integer(a[4]))))
	},
	"XREVRANGE": func(tx cache.Tx, a []string) cache.Value {
		return nested(tx.XRevRange(a[0], a[1], a[2], int(integer(a[4]))))
	},
	// key, MINID, =, id
	"XTRIM": func(tx cache.Tx, a []string) cache.Value {
		return cache.Int(tx.XTrim(a[0], a[3]))
	},
	"SPUBLISH": func(tx cache.Tx, a []string) cache.Value {
		tx.Publish(a[0], a[1])
		return cache.Int(0) // draw none in comparisons: Lua answers the number of subscribers
	},
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

// eachField writes pairs of name and text, and returns the values before. Fields
// are asked for by different names, so a name that comes twice begins anew.
func eachField(tx cache.Tx, a []string, write func(f cache.HashFields, i int, text string)) cache.Value {
	replies := []cache.Value{}
	for pairs := a[1:]; len(pairs) > 0; {
		n := 2
		for n < len(pairs) && !contains(pairs[:n], pairs[n]) {
			n += 2
		}
		names := make([]string, 0, n/2)
		for i := 0; i < n; i += 2 {
			names = append(names, pairs[i])
		}
		fields := tx.HFields(a[0], names)
		for i := range names {
			v := fields.Get(i)
			replies = append(replies, orNil(cache.Optional{Str: strings.Clone(v.Str), OK: v.OK}))
			write(fields, i, pairs[2*i+1])
		}
		pairs = pairs[n:]
	}
	return cache.List(replies...)
}

// contains reports whether a name is among those of pairs.
func contains(pairs []string, name string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == name {
			return true
		}
	}
	return false
}

// appendField asks for more room than is needed, or less.
func appendField(fields cache.HashFields, i int, text string) { fields.Append(i, text, len(text)%3*40) }
