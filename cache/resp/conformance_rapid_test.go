package resp

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// commandForms are commands of random sequences. Words in capitals and signs
// stand for themselves, the others for what drawWord draws; a word in brackets
// may be missing. Places and HyperLogLogs have keys of their own: scores that are
// no places have none, and Redis keeps small HyperLogLogs in another form.
var commandForms = rapid.SampledFrom(strings.Split(strings.TrimSpace(`
DEL key [key]
EXISTS key [key]
TYPE key
TTL key
PTTL key
EXPIRE key secs
EXPIRE key secs when [when]
PEXPIRE key millis [when]
EXPIREAT key moment [when]
PEXPIREAT key momentms [when]
PERSIST key
GET key
STRLEN key
SET key value
SET key value cond
SET key value EX secs [cond]
SET key value PX millis [GET]
SET key value KEEPTTL [cond] [GET]
SET key int
GETDEL key
GETEX key
GETEX key EX secs
GETEX key PX millis
GETEX key PERSIST
MGET key [key] [key]
MSET key value key int
INCR key
DECR key
INCRBY key int
DECRBY key int
HSET key name value [name] [value]
HSET key name int
HSETNX key name value
HGET key name
HMGET key name name
HGETALL key
HINCRBY key name int
HDEL key name [name]
HLEN key
HSCAN key 0 COUNT 1000
HSCAN key 0 MATCH glob COUNT 1000
LPUSH key value [value]
RPUSH key value [value]
LPOP key [count]
RPOP key [count]
LRANGE key rank rank
LTRIM key rank rank
LLEN key
SADD key name [name]
SREM key name [name]
SMEMBERS key
SMISMEMBER key name [name]
SCARD key
SUNION key [key]
SINTER key [key]
SDIFF key [key]
ZADD key score name [score] [name]
ZADD key zopt score name
ZADD key zopt [zopt] score name score name
ZADD key INCR score name
ZADD key zopt INCR score name
ZINCRBY key score name
ZREM key name [name]
ZSCORE key name
ZRANK key name
ZREVRANK key name
ZCARD key
ZCOUNT key bound bound
ZRANGE key rank rank [REV] [WITHSCORES]
ZRANGE key bound bound BYSCORE [REV] [WITHSCORES]
ZRANGE key bound bound BYSCORE [REV] LIMIT rank rank [WITHSCORES]
ZRANGEBYSCORE key bound bound [WITHSCORES]
ZREVRANGEBYSCORE key bound bound LIMIT rank rank
ZREMRANGEBYSCORE key bound bound
ZREMRANGEBYRANK key rank rank
GEOADD gkey lon lat name [CH]
GEOADD gkey [NX] [CH] lon lat name lon lat name
GEOPOS gkey name name
GEODIST gkey name name [unit]
GEOHASH gkey name name
GEOSEARCH gkey FROMLONLAT lon lat BYRADIUS dist unit ASC [WITHDIST] [WITHCOORD] [WITHHASH]
GEOSEARCH gkey FROMLONLAT lon lat BYBOX dist dist unit [WITHDIST] [WITHHASH]
GEOSEARCH gkey FROMMEMBER name BYRADIUS dist unit DESC WITHDIST
GEOSEARCH gkey FROMMEMBER name BYBOX dist dist unit ASC WITHDIST
PFADD pkey [name] [name] [value]
PFCOUNT pkey [pkey]
PFMERGE pkey [pkey]
DEL gkey
ZREM gkey name
ZRANGE gkey 0 -1 WITHSCORES
DEL pkey
EXPIRE pkey secs
XADD key id name value [name] [value]
XADD key MAXLEN [=] count id name value
XADD key MINID [=] id id name value
XRANGE key xbound xbound
XRANGE key xbound xbound COUNT count
XREVRANGE key xbound xbound
XREVRANGE key xbound xbound COUNT count
XREAD STREAMS key id
XREAD COUNT count STREAMS key key id $
XREAD BLOCK 1 STREAMS key id
XTRIM key MAXLEN [=] count
XTRIM key MINID id
XLEN key
`), "\n"))

// pools are what words stand for. Few of each, so that commands meet.
var pools = map[string][]string{
	"value":  {"", "v", "10", "-1", "1.5", "\x00\xff\r\n", "9223372036854775807", strings.Repeat("long", 20)},
	"name":   {"a", "b", "c", "", "\x00", "d"},
	"int":    {"1", "-1", "0", "10", "9223372036854775807", "-9223372036854775808"},
	"rank":   {"0", "1", "2", "-1", "-2", "5", "-100", "100"},
	"count":  {"0", "1", "2", "5", "-1"},
	"secs":   {"1000", "5000", "0", "-1", "100000"},
	"millis": {"1000000", "5000000", "0", "-1", "100000000"},
	"moment": {"1", "4102444800", "4102448400"},
	"momentms": {
		"1", "4102444800000", "4102448400000"},
	"when":   {"NX", "XX", "GT", "LT"},
	"cond":   {"NX", "XX", "GET", "nx"},
	"zopt":   {"NX", "XX", "GT", "LT", "CH"},
	"score":  {"0", "1", "-1", "1.5", "0.1", "inf", "-inf", "1e300", "3"},
	"bound":  {"-inf", "+inf", "0", "1", "(1", "(0.1", "2", "-1", "(inf"},
	"lon":    {"0", "77.5946", "77.6", "-179.99", "179.99", "13.361389"},
	"lat":    {"0", "12.9716", "12.98", "38.115556", "-33.8"},
	"dist":   {"0", "1", "1000", "30000", "5000.5"},
	"unit":   {"m", "km", "ft", "mi"},
	"id":     {"0", "1-1", "1-2", "1-*", "2", "5-5", "7-0"},
	"xbound": {"-", "+", "1", "1-1", "(1-1", "5", "(5"},
	"glob":   {"*", "a", "[ab]", "?", "x*"},
	// junk stands in now and then for any word but a key: others use the
	// referee too.
	"junk": {"", "x", "NX", "1.5", "-1", "COUNT", "nan", "99999999999999999999", "*", "WITHSCORES"},
}

var draws = func() map[string]*rapid.Generator[string] {
	all := map[string]*rapid.Generator[string]{}
	for word, pool := range pools {
		all[word] = rapid.SampledFrom(pool)
	}
	return all
}()

// drawCommand draws a command, once in a while a wrong one.
func drawCommand(t *rapid.T, p *pair) []string {
	var args []string
	wrong := rapid.IntRange(0, 9).Draw(t, "wrong") == 0
	for _, word := range strings.Fields(commandForms.Draw(t, "form")) {
		if optional, ok := strings.CutPrefix(word, "["); ok {
			if !rapid.Bool().Draw(t, "given") {
				continue
			}
			word = strings.TrimSuffix(optional, "]")
		}
		arg := drawWord(t, p, word)
		if wrong && len(args) > 0 && !strings.HasSuffix(word, "key") && rapid.IntRange(0, 3).Draw(t, "replaced") == 0 {
			arg = draws["junk"].Draw(t, "junk")
		}
		args = append(args, arg)
	}
	return args
}

func drawWord(t *rapid.T, p *pair, word string) string {
	if strings.HasSuffix(word, "key") {
		return p.key(word + strconv.Itoa(rapid.IntRange(0, 3).Draw(t, word)))
	}
	if draw, ok := draws[word]; ok {
		return draw.Draw(t, word)
	}
	return word
}

// TestConformanceRandom sends random sequences, right and wrong commands, and
// then reads all keys. Each sequence has keys of its own.
func TestConformanceRandom(t *testing.T) {
	protocols(t, func(t *testing.T, connect func(t *testing.T) *pair) {
		p := connect(t)
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			p.t = rt
			p.fresh(n)
			n++
			draw := rapid.Custom(func(rt *rapid.T) []string { return drawCommand(rt, p) })
			p.same(rapid.SliceOfN(draw, 1, 30).Draw(rt, "commands")...)
			p.requireSameKeys()
		})
	})
}
