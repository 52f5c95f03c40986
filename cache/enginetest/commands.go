package enginetest

import (
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// commandForms are the interpreter's commands. Words in capitals and signs
// stand for themselves, the others for what drawWord draws.
var commandForms = rapid.SampledFrom([]string{
	"EXISTS key", "DEL key", "RENAME key key", "PEXPIRE key ttl",
	"GET key", "SET key value", "SET key value PX hour",
	"HMGET key name name name", "HSET key name value name value name value",
	"HGET key name", "HSET key name value", "HDEL key name", "HLEN key", "HGETALL key", "HINCRBY key name delta",
	"HEXTEND key name value name value", "HFILL key name value name value",
	"ZADD key score name score name score name",
	"ZADD key score name", "ZREM key name", "ZSCORE key name", "ZCARD key",
	"ZRANGEBYSCORE key score score WITHSCORES LIMIT offset count",
	"ZREVRANGEBYSCORE key score score WITHSCORES LIMIT offset count",
	"XADD key MAXLEN = count id name value",
	"XRANGE key bound bound COUNT count", "XREVRANGE key bound bound COUNT count", "XTRIM key MINID = id",
})

// drawCommand draws one command for the interpreter script.
func drawCommand(t *rapid.T, tag string) command {
	c := command(strings.Fields(commandForms.Draw(t, "command")))
	for i, word := range c {
		c[i] = drawWord(t, tag, word)
	}
	return c
}

func drawWord(t *rapid.T, tag, word string) string {
	const hour = "3600000" // ms
	switch word {
	case "key":
		return Key(tag, drawKey.Draw(t, word))
	case "name":
		return drawName.Draw(t, word)
	case "value":
		return drawValue.Draw(t, word)
	case "delta":
		return strconv.FormatInt(drawDelta.Draw(t, word), 10)
	case "score":
		return scoreText(drawScore.Draw(t, word))
	case "id":
		return drawID.Draw(t, word)
	case "bound":
		return drawBound.Draw(t, word)
	case "hour":
		return hour
	case "ttl":
		return rapid.SampledFrom([]string{hour, "0", "-5"}).Draw(t, word)
	case "offset":
		return strconv.Itoa(rapid.IntRange(0, 2).Draw(t, word))
	case "count":
		// To the server zero is none at all, to the contract it is all.
		return strconv.Itoa(rapid.IntRange(1, 4).Draw(t, word))
	}
	return word
}
