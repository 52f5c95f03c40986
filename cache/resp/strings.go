package resp

import (
	"errors"
	"math"
	"time"

	"hyperlocal/cache"
)

func stringCommands() []command {
	const group = "string"
	return []command{
		{name: "get", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer a value.", run: get},
		{name: "strlen", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the bytes of a value.", run: strlen},
		{name: "set", arity: -3, flags: write, keys: oneKey, group: group, summary: "Set a value; EX, PX, KEEPTTL, NX, XX, GET.", run: set},
		{name: "getdel", arity: 2, flags: write | fast, keys: oneKey, group: group, summary: "Answer a value and remove its key.", run: getDel},
		{name: "getex", arity: -2, flags: write | fast, keys: oneKey, group: group, summary: "Answer a value and change its time to live; EX, PX, PERSIST.", run: getEx},
		{name: "mget", arity: -2, flags: readOnly | fast, keys: allKeys, group: group, summary: "Answer the values of several keys.", run: mget},
		{name: "mset", arity: -3, flags: write, keys: evenKeys, group: group, summary: "Set several values.", run: mset},
		{name: "incr", arity: 2, flags: write | fast, keys: oneKey, group: group, summary: "Add 1.", run: addOnly(1)},
		{name: "decr", arity: 2, flags: write | fast, keys: oneKey, group: group, summary: "Subtract 1.", run: addOnly(-1)},
		{name: "incrby", arity: 3, flags: write | fast, keys: oneKey, group: group, summary: "Add a whole number.", run: incrBy},
		{name: "decrby", arity: 3, flags: write | fast, keys: oneKey, group: group, summary: "Subtract a whole number.", run: decrBy},
	}
}

// answer answers with a string that may be missing.
func (c *client) answer(v cache.Optional, err error) error {
	if err != nil {
		return err
	}
	c.w.optional(v)
	return nil
}

func get(c *client, args []string) error { return c.answer(c.srv.engine.Get(c.life, args[0])) }

func strlen(c *client, args []string) error {
	v, err := c.srv.engine.Get(c.life, args[0])
	return c.count(int64(len(v.Str)), err)
}

func getDel(c *client, args []string) error { return c.answer(c.srv.engine.GetDel(c.life, args[0])) }

func mget(c *client, args []string) error {
	values, err := c.srv.engine.MGet(c.life, args...)
	if err != nil {
		return err
	}
	c.w.optionals(values)
	return nil
}

func mset(c *client, args []string) error {
	if len(args)%2 != 0 {
		return errArity("mset")
	}
	if err := c.srv.engine.MSet(c.life, c.fieldsOf(args)...); err != nil {
		return err
	}
	c.w.ok()
	return nil
}

// setArgs are what SET and GETEX understand after key and value.
type setArgs struct {
	opt     cache.SetOptions
	get     bool
	persist bool
	unit    int64  // ms in what ttl counts; 0: no time to live
	ttl     string // a number
}

// parseSet understands the options of SET.
func parseSet(args []string) (o setArgs, err error) {
	for len(args) > 0 && err == nil {
		n := 1
		switch {
		case is(args[0], "nx") && !o.opt.XX:
			o.opt.NX = true
		case is(args[0], "xx") && !o.opt.NX:
			o.opt.XX = true
		case is(args[0], "get"):
			o.get = true
		case is(args[0], "keepttl") && o.unit == 0:
			o.opt.KeepTTL = true
		default:
			n, err = o.expiry(args)
		}
		args = args[n:]
	}
	return o, err
}

// parseGetEx understands the options of GETEX.
func parseGetEx(args []string) (o setArgs, err error) {
	for len(args) > 0 && err == nil {
		n := 1
		if is(args[0], "persist") && o.unit == 0 {
			o.persist = true
		} else {
			n, err = o.expiry(args)
		}
		args = args[n:]
	}
	return o, err
}

// expiry reads EX or PX with its number, for which there may be no other word
// about the time to live, apart from the same one again.
func (o *setArgs) expiry(args []string) (n int, err error) {
	unit := int64(0)
	switch {
	case is(args[0], "ex"):
		unit = 1000
	case is(args[0], "px"):
		unit = 1
	}
	other := o.unit != 0 && o.unit != unit || o.opt.KeepTTL || o.persist
	if unit == 0 || other || len(args) == 1 {
		return 0, errSyntax
	}
	o.unit, o.ttl = unit, args[1]
	return 2, nil
}

// duration checks the time to live. Zero: none was asked for.
func (o setArgs) duration(command string) (time.Duration, error) {
	if o.unit == 0 {
		return 0, nil
	}
	n, err := integer(o.ttl)
	if err != nil {
		return 0, err
	}
	if n <= 0 || n > math.MaxInt64/o.unit || n*o.unit > math.MaxInt64-time.Now().UnixMilli() {
		return 0, errExpireTime(command)
	}
	return ttlOf(n * o.unit), nil
}

func set(c *client, args []string) error {
	key, value := args[0], args[1]
	o, err := parseSet(args[2:])
	if err != nil {
		return err
	}
	if o.opt.TTL, err = o.duration("set"); err != nil {
		return err
	}
	if o.get {
		old, _, err := c.srv.engine.SetGet(c.life, key, value, o.opt)
		return c.answer(old, err)
	}
	wrote, err := c.srv.engine.Set(c.life, key, value, o.opt)
	switch {
	case err != nil:
		return err
	case wrote:
		c.w.ok()
	default:
		c.w.null()
	}
	return nil
}

func getEx(c *client, args []string) error {
	o, err := parseGetEx(args[1:])
	if err != nil {
		return err
	}
	ttl, err := o.duration("getex")
	if err != nil { // which Redis finds only if there is a value
		v, failed := c.srv.engine.Get(c.life, args[0])
		if failed == nil && v.OK {
			return err
		}
		return c.answer(v, failed)
	}
	return c.answer(c.srv.engine.GetEx(c.life, args[0], cache.GetOptions{TTL: ttl, Persist: o.persist}))
}

func addOnly(delta int64) func(c *client, args []string) error {
	return func(c *client, args []string) error { return c.add(args[0], delta) }
}

func incrBy(c *client, args []string) error {
	delta, err := integer(args[1])
	if err != nil {
		return err
	}
	return c.add(args[0], delta)
}

func decrBy(c *client, args []string) error {
	delta, err := integer(args[1])
	if err != nil {
		return err
	}
	if delta == math.MinInt64 {
		return refusal("ERR decrement would overflow")
	}
	return c.add(args[0], -delta)
}

// add words the two ways in which a sum can fail.
func (c *client) add(key string, delta int64) error {
	n, err := c.srv.engine.IncrBy(c.life, key, delta)
	if errors.Is(err, cache.ErrNotInteger) {
		if v, failed := c.srv.engine.Get(c.life, key); failed == nil && isInteger(v.Str) {
			return errOverflow
		}
		return errNotInteger
	}
	return c.count(n, err)
}

func isInteger(s string) bool {
	_, ok := parseInt(s)
	return ok
}
