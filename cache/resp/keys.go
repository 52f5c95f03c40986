package resp

import (
	"context"
	"math"
	"time"

	"hyperlocal/cache"
)

func keyCommands() []command {
	const group = "generic"
	return []command{
		{name: "del", arity: -2, flags: write, keys: allKeys, group: group, summary: "Remove keys.", run: del},
		{name: "exists", arity: -2, flags: readOnly | fast, keys: allKeys, group: group, summary: "Count those of the keys that exist.", run: exists},
		{name: "type", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer what a key holds.", run: keyType},
		{name: "ttl", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer a key's time to live in seconds.", run: ttlIn(time.Second)},
		{name: "pttl", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer a key's time to live in milliseconds.", run: ttlIn(time.Millisecond)},
		{name: "expire", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Set a key's time to live in seconds; NX, XX, GT, LT.", run: expireIn("expire", 1000)},
		{name: "pexpire", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Set a key's time to live in milliseconds; NX, XX, GT, LT.", run: expireIn("pexpire", 1)},
		{name: "expireat", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Set when a key expires, in seconds since 1970; NX, XX, GT, LT.", run: expireAt("expireat", 1000)},
		{name: "pexpireat", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Set when a key expires, in milliseconds since 1970; NX, XX, GT, LT.", run: expireAt("pexpireat", 1)},
		{name: "persist", arity: 2, flags: write | fast, keys: oneKey, group: group, summary: "Take a key's time to live away.", run: persist},
		{name: "scan", arity: -2, flags: readOnly, group: group, summary: "Page through the keys; MATCH, COUNT, TYPE.", run: scan},
		objectCommand(),
	}
}

// count answers with the number that a call returns.
func (c *client) count(n int64, err error) error {
	if err != nil {
		return err
	}
	c.w.integer(n)
	return nil
}

// yes answers 1 or 0.
func (c *client) yes(b bool, err error) error {
	if err != nil {
		return err
	}
	c.w.boolean(b)
	return nil
}

func del(c *client, args []string) error { return c.count(c.srv.engine.Del(c.life, args...)) }

func exists(c *client, args []string) error { return c.count(c.srv.engine.Exists(c.life, args...)) }

func persist(c *client, args []string) error { return c.yes(c.srv.engine.Persist(c.life, args[0])) }

func keyType(c *client, args []string) error {
	t, err := c.srv.engine.Type(c.life, args[0])
	if err != nil {
		return err
	}
	c.w.status(t)
	return nil
}

// ttlIn answers in a unit, rounded to the nearest.
func ttlIn(unit time.Duration) func(c *client, args []string) error {
	return func(c *client, args []string) error {
		ttl, err := c.srv.engine.TTL(c.life, args[0])
		switch {
		case err != nil:
			return err
		case ttl == cache.NoTTL, ttl == cache.NoKey:
			c.w.integer(int64(ttl))
		default:
			c.w.integer(int64((ttl + unit/2) / unit))
		}
		return nil
	}
}

// expireIn sets a time to live given in units of so many ms.
func expireIn(name string, unit int64) func(c *client, args []string) error {
	return func(c *client, args []string) error {
		now := time.Now().UnixMilli()
		ms, when, err := expiry(name, args[1:], unit, now)
		if err != nil {
			return err
		}
		if ms > maxTTL { // which the clock of the engine would be asked about
			return c.yes(c.srv.engine.ExpireAt(c.life, args[0], time.UnixMilli(now+ms), when))
		}
		return c.yes(c.srv.engine.Expire(c.life, args[0], time.Duration(max(ms, -1))*time.Millisecond, when))
	}
}

// expireAt sets a moment given in units of so many ms since 1970.
func expireAt(name string, unit int64) func(c *client, args []string) error {
	return func(c *client, args []string) error {
		ms, when, err := expiry(name, args[1:], unit, 0)
		if err != nil {
			return err
		}
		return c.yes(c.srv.engine.ExpireAt(c.life, args[0], time.UnixMilli(ms), when))
	}
}

// expiry understands "100 NX": a number of units, in ms since base, and
// conditions.
func expiry(name string, args []string, unit, base int64) (ms int64, when cache.ExpireCondition, err error) {
	for _, arg := range args[1:] {
		switch {
		case is(arg, "nx"):
			when |= cache.ExpireNX
		case is(arg, "xx"):
			when |= cache.ExpireXX
		case is(arg, "gt"):
			when |= cache.ExpireGT
		case is(arg, "lt"):
			when |= cache.ExpireLT
		default:
			return 0, 0, refusef("ERR Unsupported option %s", arg)
		}
	}
	if when&cache.ExpireNX != 0 && when != cache.ExpireNX {
		return 0, 0, refusal("ERR NX and XX, GT or LT options at the same time are not compatible")
	}
	if when&cache.ExpireGT != 0 && when&cache.ExpireLT != 0 {
		return 0, 0, refusal("ERR GT and LT options at the same time are not compatible")
	}
	n, err := integer(args[0])
	if err != nil {
		return 0, 0, err
	}
	if n > math.MaxInt64/unit || n < math.MinInt64/unit || n*unit > math.MaxInt64-base {
		return 0, 0, errExpireTime(name)
	}
	return n * unit, when, nil
}

// orWrongType is for an error that Redis finds only after it has looked at the
// key: one of another type is refused first.
func (c *client) orWrongType(ctx context.Context, key, want string, err error) error {
	t, failed := c.srv.engine.Type(ctx, key)
	switch {
	case failed != nil:
		return failed
	case t != want && t != "none":
		return errWrongType
	}
	return err
}
