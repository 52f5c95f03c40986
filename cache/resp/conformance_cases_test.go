package resp

// conformanceCases are commands whose replies must be the referee's. A word
// that begins with @ is a key.
var conformanceCases = []struct{ name, lines string }{
	{"names and arity", `
		nosuch
		nosuch a b c
		nosuch "a\r\nb" "it's"
		GET
		GeT @a b
		get @a b
		SET @a
		CLIENT
		CLIENT NOSUCH
		CLIENT SETNAME
		CLIENT ID x
		CONFIG NOSUCH x
		CONFIG GET
		OBJECT
		OBJECT ENCODING
		MEMORY
		MEMORY NOSUCH
		MEMORY USAGE
		COMMAND NOSUCH
		""
	`},
	{"connection", `
		PING
		PING hello
		PING a b
		ECHO "\x00"
		ECHO
		SELECT 0
		SELECT x
		SELECT 16
		SELECT -1
		AUTH x
		AUTH default x
		AUTH nobody x
		AUTH a b c
		HELLO 1
		HELLO 4
		HELLO x
		HELLO 3x
		CLIENT GETNAME
		CLIENT SETNAME "a b"
		CLIENT SETNAME me
		CLIENT GETNAME
		CLIENT SETNAME ""
		CLIENT GETNAME
		HELLO 3 AUTH default x SETNAME other
		HELLO 3 SETNAME
		HELLO 3 SETNAME "a b"
		HELLO AUTH default
		CLIENT GETNAME
		CLIENT NO-EVICT ON
		CLIENT NO-EVICT perhaps
		CLIENT TRACKING OFF
		CLIENT TRACKING
		CLIENT TRACKING x
		CLIENT LIST TYPE nosuch
		CLIENT LIST TYPE
		CLIENT LIST ID x
		CLIENT LIST ID 0
		CLIENT LIST ID 123456789012
		CLIENT LIST TYPE replica
	`},
	{"settings", `
		CONFIG GET save nosuch
		CONFIG GET appendonl?
		CONFIG GET maxmemory-policy MAXMEMORY
		CONFIG GET timeout
	`},
	{"keys", `
		SET @a 1
		EXISTS @a @b @a
		TYPE @a
		TYPE @b
		TTL @a
		TTL @b
		PTTL @b
		EXPIRE @a 1000
		TTL @a
		PTTL @a
		EXPIRE @a 500 NX
		EXPIRE @a 500 GT
		EXPIRE @a 500 LT
		PTTL @a
		EXPIRE @a 1500 XX GT
		EXPIRE @a 1 NX XX
		EXPIRE @a 1 GT LT
		EXPIRE @a x XX FOO
		EXPIRE @a x
		EXPIRE @a 9223372036854775807
		EXPIRE @a -9223372036854775808
		PEXPIRE @a 9223372036854775807
		PERSIST @a
		PERSIST @a
		PERSIST @b
		EXPIRE @b 10
		PEXPIREAT @a 4102444800000
		PTTL @a
		EXPIREAT @a 4102444800
		PEXPIRE @a 0
		EXISTS @a
		SET @a 1
		PEXPIRE @a 1000000 XX
		PEXPIRE @a 1000000 NX
		PEXPIRE @a 1500000 NX
		PEXPIRE @a 2000000 GT
		PEXPIRE @a 500000 LT
		PTTL @a
		EXPIREAT @a 4102444800 GT
		EXPIREAT @a 4102444900 LT
		EXPIREAT @a 4102448400 XX
		EXPIREAT @a 4102448500 NX
		PEXPIREAT @a 4102448400000 NX
		PEXPIREAT @a 4102444800000 LT
		PEXPIREAT @a 4102448400000 GT
		PEXPIREAT @a 4102452000000 XX
		PTTL @a
		EXPIREAT @a 1
		EXISTS @a
		DEL @a @b
		SET @a 1
		SET @b 2
		DEL @a @b @c @a
		OBJECT REFCOUNT @a
		OBJECT ENCODING @a
		OBJECT FREQ @a
		OBJECT FREQ @none
		OBJECT IDLETIME @none x
		MEMORY USAGE @a
		MEMORY USAGE @a SAMPLES x
		MEMORY USAGE @a SAMPLES -1
		MEMORY USAGE @a x
		SCAN x
		SCAN 0 COUNT 0
		SCAN 0 COUNT x
		SCAN 0 MATCH
		SCAN 0 FOO bar
	`},
	{"strings", `
		SET @s value
		GET @s
		STRLEN @s
		STRLEN @none
		SET @s v NX
		SET @s v XX
		SET @n v XX
		SET @n v NX GET
		SET @n w GET
		SET @missing w GET XX
		SET @s v EX 100
		TTL @s
		SET @s w KEEPTTL
		TTL @s
		SET @s w PX 100000
		PTTL @s
		SET @s w
		TTL @s
		SET @s w EX 100 EX 200
		SET @s w EX 100 PX 100
		SET @s w EX
		SET @s w EX x
		SET @s w EX 0
		SET @s w EX -1
		SET @s w EX 9223372036854775807
		SET @s w EX 9223372036854775
		SET @s w PX 9223372036854775807
		SET @s w NX XX
		SET @s w KEEPTTL EX 5
		SET @s w EX 5 KEEPTTL
		SET @s w FOO
		SET @s w PERSIST
		GETEX @s
		GETEX @s EX 100
		TTL @s
		GETEX @s PERSIST
		TTL @s
		GETEX @s PX 100000
		PTTL @s
		GETEX @s PX x
		GETEX @s PERSIST
		GETEX @s EX x
		GETEX @missing EX x
		GETEX @s EX 0
		GETEX @s PERSIST EX 5
		GETEX @s KEEPTTL
		GETEX @s NX
		GETDEL @s
		GETDEL @s
		MSET @a 1 @b 2
		MSET @a 1 @b
		MGET @a @b @missing @a
		INCR @a
		DECR @a
		INCRBY @a 10
		DECRBY @a 3
		INCRBY @a x
		INCRBY @a 1.5
		INCRBY @a +1
		INCRBY @a 9223372036854775807
		INCRBY @a 9223372036854775808
		DECRBY @a -9223372036854775808
		SET @a 9223372036854775807
		INCR @a
		SET @a -9223372036854775808
		DECR @a
		SET @a " 1"
		INCR @a
		SET @a 01
		INCR @a
		SET @a ""
		INCR @a
		GET @a
	`},
	{"hashes", `
		HSET @h a 1 b 2
		HSET @h a 3 c 4 c 5
		HSET @h a
		HSET @h a 1 b
		HSETNX @h a 9
		HSETNX @h z 9
		HGET @h a
		HGET @h nosuch
		HGET @none a
		HMGET @h a nosuch b
		HMGET @none a
		HGETALL @h
		HGETALL @none
		HLEN @h
		HINCRBY @h a 5
		HINCRBY @h new 5
		HINCRBY @h a x
		HSET @h t text m 9223372036854775807
		HINCRBY @h t 1
		HINCRBY @h m 1
		HSCAN @h 0 COUNT 1000
		HSCAN @h 0 MATCH [ab] COUNT 1000
		HSCAN @h x
		HSCAN @none ""
		HSCAN @none -1
		HSCAN @none +1
		HSCAN @none -
		HSCAN @none " 1"
		HSCAN @none 18446744073709551616
		HSCAN @h 0 COUNT x
		HSCAN @none 0 COUNT x
		HSCAN @none x
		HSCAN @h 0 TYPE string
		HDEL @h a nosuch a
		HDEL @h b c z t m new
		EXISTS @h
	`},
	{"lists", `
		LPUSH @l a b c
		RPUSH @l d e
		LRANGE @l 0 -1
		LRANGE @l -2 100
		LRANGE @l 3 1
		LRANGE @l x 1
		LRANGE @none 0 -1
		LLEN @l
		LLEN @none
		LPOP @l
		RPOP @l
		LPOP @l 2
		LPOP @l 0
		LPOP @l -1
		LPOP @l x
		LPOP @l 1 2
		LPOP @none
		LPOP @none 2
		LPOP @none 0
		RPOP @l 99
		EXISTS @l
		RPUSH @l 1 2 3 4 5
		LTRIM @l 1 -2
		LRANGE @l 0 -1
		LTRIM @l x 1
		LTRIM @l 5 10
		EXISTS @l
	`},
	{"sets", `
		SADD @s a b c a
		SADD @t b c d
		SCARD @s
		SMEMBERS @s
		SMEMBERS @none
		SMISMEMBER @s a nosuch
		SMISMEMBER @none a
		SREM @s a nosuch
		SUNION @s @t @none
		SINTER @s @t
		SINTER @s @none
		SDIFF @t @s
		SDIFF @none @s
		SREM @s b c
		EXISTS @s
	`},
	{"sorted sets", `
		ZADD @z 1 a 2 b 3 c
		ZADD @z 1.5 a 0.1 d
		ZADD @z CH 5 a 1 e
		ZADD @z NX 9 a 9 f
		ZADD @z XX CH 7 a 7 nosuch
		ZADD @z GT CH 6 a 8 b
		ZADD @z LT CH 6 a 9 b
		ZADD @z INCR 2.5 a
		ZADD @z NX INCR 2.5 a
		ZADD @z XX INCR 2.5 nosuch
		ZADD @z GT INCR -1 a
		ZADD @z INCR 1 a 2 b
		ZADD @z NX XX 1 a
		ZADD @z GT LT 1 a
		ZADD @z NX GT 1 a
		ZADD @z NX
		ZADD @z 1 a 2
		ZADD @z x a
		ZADD @z nan a
		ZADD @z 1e400 a
		ZADD @z 1e-400 a
		ZADD @z 0x10 hex
		ZADD @z +inf i -inf j infinity k
		ZSCORE @z i
		ZSCORE @z hex
		ZSCORE @z nosuch
		ZSCORE @none a
		ZINCRBY @z -inf i
		ZINCRBY @z 0.1 d
		ZINCRBY @z x d
		ZINCRBY @z NX d
		ZADD @z 3 c 1e20 big 1e-7 small 123456789012345680 huge -0 zero
		ZRANGE @z 0 -1 WITHSCORES
		ZRANGE @z 0 -1
		ZRANGE @z 0 1 REV WITHSCORES
		ZRANGE @z 5 1
		ZRANGE @z x 1
		ZRANGE @z 0 -1 LIMIT 0 1
		ZRANGE @z 0 -1 LIMIT 0 -1
		ZRANGE @z 0 -1 FOO
		ZRANGE @z 1 5 BYSCORE
		ZRANGE @z (1 5 BYSCORE WITHSCORES
		ZRANGE @z 5 1 BYSCORE REV
		ZRANGE @z -inf +inf BYSCORE LIMIT 1 2
		ZRANGE @z -inf +inf BYSCORE LIMIT 1 -1
		ZRANGE @z -inf +inf BYSCORE LIMIT 0 0
		ZRANGE @z -inf +inf BYSCORE LIMIT -1 5
		ZRANGE @z -inf +inf BYSCORE LIMIT x 5
		ZRANGE @z -inf +inf BYSCORE LIMIT 1
		ZRANGE @z nan 1 BYSCORE
		ZRANGE @z "" " 5" BYSCORE
		ZRANGE @none 0 -1
		ZREVRANGE @z 0 1 WITHSCORES
		ZREVRANGE @z 0 1 REV
		ZREVRANGE @z 0 1 LIMIT 0 1
		ZREVRANGE @z x 1
		ZRANGEBYSCORE @z 1 5 WITHSCORES LIMIT 0 2
		ZRANGEBYSCORE @z 1 5 REV
		ZREVRANGEBYSCORE @z +inf (1
		ZREVRANGEBYSCORE @z +inf -inf WITHSCORES LIMIT 1 2
		ZCOUNT @z 1 5
		ZCOUNT @z (1 (5
		ZCOUNT @z x 5
		ZCOUNT @none 1 5
		ZCARD @z
		ZRANK @z a
		ZRANK @z nosuch
		ZRANK @none a
		ZREVRANK @z a
		ZREM @z a nosuch
		ZREMRANGEBYRANK @z 0 1
		ZREMRANGEBYRANK @z x 1
		ZREMRANGEBYSCORE @z -inf (3
		ZREMRANGEBYSCORE @z 1 x
		ZREMRANGEBYSCORE @z -inf +inf
		EXISTS @z
	`},
	{"geo", `
		GEOADD @g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
		GEOADD @g CH NX 13.36 38.11 Palermo 13.5 38 Other
		GEOADD @g XX CH 13.37 38.12 Palermo
		GEOADD @g NX XX 1 1 a
		GEOADD @g 181 1 a
		GEOADD @g 1 86 a
		GEOADD @g x 1 a
		GEOADD @g 1 1 a 2
		ZSCORE @g Palermo
		GEOPOS @g Palermo nosuch Catania
		GEOPOS @none a
		GEOPOS @g
		GEODIST @g Palermo Catania
		GEODIST @g Palermo Catania m
		GEODIST @g Palermo Catania km
		GEODIST @g Palermo Catania MI
		GEODIST @g Palermo Catania ft
		GEODIST @g Palermo Catania parsec
		GEODIST @g Palermo nosuch
		GEODIST @none a b
		GEODIST @g Palermo Catania km x
		GEOHASH @g Palermo nosuch Catania
		GEOHASH @none a
		GEOSEARCH @g FROMLONLAT 15 37 BYRADIUS 200 km ASC
		GEOSEARCH @g FROMLONLAT 15 37 BYRADIUS 200 km DESC WITHDIST WITHCOORD WITHHASH
		GEOSEARCH @g FROMLONLAT 15 37 BYRADIUS 200000 m
		GEOSEARCH @g FROMLONLAT 15 37 BYRADIUS 600000 ft ASC WITHDIST
		GEOSEARCH @g FROMMEMBER Palermo BYBOX 400 400 km ASC WITHDIST
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 200 mi COUNT 1
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 200 mi COUNT 2 DESC
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 200 mi COUNT 9 ANY ASC
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 200 mi ANY
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 200 mi COUNT 0
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 200 mi COUNT x
		GEOSEARCH @g FROMMEMBER nosuch BYRADIUS 200 mi
		GEOSEARCH @g FROMMEMBER nosuch BYRADIUS x mi
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS -1 mi
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 1 parsec
		GEOSEARCH @g FROMMEMBER Palermo BYBOX -1 1 km
		GEOSEARCH @g FROMMEMBER Palermo BYBOX x 1 km
		GEOSEARCH @g FROMMEMBER Palermo BYBOX 1 x km
		GEOSEARCH @g FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 1 km
		GEOSEARCH @g FROMMEMBER Palermo BYRADIUS 1 km BYBOX 1 1 km
		GEOSEARCH @g FROMMEMBER Palermo ASC DESC WITHDIST WITHHASH
		GEOSEARCH @g BYRADIUS 1 km ASC WITHDIST WITHHASH
		GEOSEARCH @g FROMLONLAT 200 1 BYRADIUS 1 km
		GEOSEARCH @none FROMMEMBER a BYRADIUS 1 km
		GeoSearch @g BYRADIUS 1 km ASC WITHDIST WITHHASH
		GEOSEARCH @none FROMMEMBER a BYRADIUS x km
		GEOSEARCH @none FROMLONLAT 1 1 BYRADIUS 1 km WITHDIST
	`},
	{"HyperLogLog", `
		PFADD @p a b c
		PFADD @p a
		PFADD @p
		PFADD @empty
		PFADD @empty
		PFCOUNT @p
		PFCOUNT @p @empty @none
		PFCOUNT @none
		PFADD @q d e f
		PFMERGE @m @p @q
		PFCOUNT @m
		PFMERGE @none
		PFCOUNT @none
		SET @s text
		PFADD @s a
		PFCOUNT @s
		PFMERGE @m @s
		TYPE @p
	`},
	{"streams", `
		XADD @x 1-1 f v
		XADD @x 1-2 f v g w f x
		XADD @x 1-1 f v
		XADD @x 1 f v
		XADD @x 0-0 f v
		XADD @x 0 f v
		XADD @none 0-0 f v
		XADD @x 1-* f v
		XADD @x 0-* f v
		XADD @x x f v
		XADD @x 1-x f v
		XADD @x 1-2-3 f v
		XADD @x 5-5 f
		XADD @x 5-5 f v g
		XADD @x 5
		XADD @x MAXLEN 5-5 f v
		XADD @x MAXLEN ~ 1000 5-4 f v
		XADD @x MAXLEN 2 5-5 f v
		XADD @x MAXLEN = 2 6-0 f v
		XADD @x MAXLEN -1 7-0 f v
		XADD @x MAXLEN x 7-0 f v
		XADD @x MINID 6 7-0 f v
		XADD @x MINID = x 8-0 f v
		XADD @x MAXLEN 2 MINID 5 8-0 f v
		XLEN @x
		XLEN @none
		XRANGE @x - +
		XRANGE @x 6 6
		XRANGE @x (6 +
		XRANGE @x - + COUNT 1
		XRANGE @x - + COUNT 0
		XRANGE @x - + COUNT -1
		XRANGE @x - + COUNT x
		XRANGE @x - + COUNT
		XRANGE @x - + FOO 1
		XRANGE @none - + COUNT 0
		XRANGE @none - +
		XRANGE @x x +
		XRANGE @x - (0-0
		XRANGE @x (18446744073709551615-18446744073709551615 +
		XRANGE @x (- +
		XREVRANGE @x + -
		XREVRANGE @x + - COUNT 1
		XREVRANGE @x + x
		XREAD STREAMS @x 0
		XREAD COUNT 1 STREAMS @x @none 0 0
		XREAD STREAMS @x $
		XREAD STREAMS @x 99-0
		XREAD BLOCK 1 STREAMS @x $
		XREAD BLOCK 0 STREAMS @x 0
		XREAD BLOCK x STREAMS @x 0
		XREAD BLOCK -1 STREAMS @x 0
		XREAD COUNT x STREAMS @x 0
		XREAD COUNT 0 STREAMS @x 0
		XREAD COUNT -1 STREAMS @x 0
		XREAD STREAMS @x @y 0
		XREAD STREAMS @x x
		XREAD STREAMS @x >
		XREAD FOO STREAMS @x 0
		XREAD COUNT 1 BLOCK 1
		XTRIM @x MAXLEN ~ 1000
		XTRIM @x MINID ~ 0
		XTRIM @x MAXLEN 1
		XTRIM @x MAXLEN = 0
		XLEN @x
		EXISTS @x
		XADD @x 3-0 f v
		XADD @x 20-0 f v
		XADD @x MAXLEN 0 21-0 f v
		XLEN @x
		XTRIM @x MINID 5
		XTRIM @x MINID x
		XTRIM @x FOO 5
		XTRIM @x MAXLEN x
		XTRIM @x MAXLEN -1
		XTRIM @x MAXLEN 1 MINID 1
		XTRIM @none MAXLEN 1
		XADD @end 18446744073709551615-18446744073709551615 f v
		XADD @end * f v
		XADD @end 1-1 f v
	`},
	{"types", `
		SET @s v
		HSET @h f v
		LPUSH @l v
		SADD @e v
		ZADD @z 1 v
		XADD @x 1-1 f v
		TYPE @s
		TYPE @h
		TYPE @l
		TYPE @e
		TYPE @z
		TYPE @x
		GET @h
		STRLEN @h
		GETDEL @h
		GETEX @h
		GETEX @h EX 0
		SET @h v GET
		SET @h v NX GET
		INCR @h
		MGET @s @h
		HGET @s f
		HSET @s f v
		HSETNX @s f v
		HMGET @s f
		HGETALL @s
		HLEN @s
		HDEL @s f
		HINCRBY @s f 1
		HINCRBY @s f x
		HSCAN @s 0
		HSCAN @s 0 COUNT x
		LPUSH @s v
		LPOP @s
		LPOP @s 0
		LPOP @s x
		LRANGE @s 0 1
		LTRIM @s 0 1
		LLEN @s
		SADD @s v
		SREM @s v
		SMEMBERS @s
		SMISMEMBER @s v
		SCARD @s
		SUNION @e @s
		SINTER @e @s
		SINTER @none @s
		SDIFF @e @s
		SDIFF @none @s
		ZADD @s 1 v
		ZADD @s x v
		ZADD @s INCR 1 v
		ZINCRBY @s 1 v
		ZREM @s v
		ZSCORE @s v
		ZRANK @s v
		ZCARD @s
		ZCOUNT @s 0 1
		ZRANGE @s 0 -1
		ZRANGE @s 0 1 BYSCORE LIMIT 0 0
		ZREMRANGEBYSCORE @s 0 1
		ZREMRANGEBYRANK @s 0 1
		GEOADD @s 1 1 v
		GEOPOS @s v
		GEODIST @s v w
		GEOHASH @s v
		GEOSEARCH @s FROMMEMBER v BYRADIUS x km
		GEOSEARCH @s FROMMEMBER v BYRADIUS 1 km
		PFADD @h v
		PFCOUNT @h
		PFCOUNT @s
		PFMERGE @none @h
		XADD @s 2-1 f v
		XADD @s 0-0 f v
		XADD @s x f v
		XLEN @s
		XRANGE @s - +
		XRANGE @s - + COUNT 0
		XREVRANGE @s + -
		XREAD STREAMS @s 0
		XREAD STREAMS @s x
		XREAD STREAMS @x @s x 0
		XREAD BLOCK 1 STREAMS @x @s 5 0
		XTRIM @s MAXLEN 1
	`},
}
