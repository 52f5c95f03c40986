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
		EXPIREAT @a 1
		EXISTS @a
		DEL @a @b
		SET @a 1
		SET @b 2
		DEL @a @b @c @a
		OBJECT REFCOUNT @a
		OBJECT ENCODING @a
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
}
