package resp

import (
	"context"
	"math"
)

func listCommands() []command {
	const group = "list"
	return []command{
		{name: "lpush", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Add values in front.", run: lpush},
		{name: "rpush", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Add values at the end.", run: rpush},
		{name: "lpop", arity: -2, flags: write | fast, keys: oneKey, group: group, summary: "Take values from the front.", run: lpop},
		{name: "rpop", arity: -2, flags: write | fast, keys: oneKey, group: group, summary: "Take values from the end.", run: rpop},
		{name: "lrange", arity: 4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the values from one index to another.", run: lrange},
		{name: "ltrim", arity: 4, flags: write, keys: oneKey, group: group, summary: "Remove all values but those from one index to another.", run: ltrim},
		{name: "llen", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the values.", run: llen},
	}
}

func lpush(c *client, args []string) error {
	return c.count(c.srv.engine.LPush(c.life, args[0], args[1:]...))
}

func rpush(c *client, args []string) error {
	return c.count(c.srv.engine.RPush(c.life, args[0], args[1:]...))
}

func lpop(c *client, args []string) error { return c.pop("lpop", c.srv.engine.LPop, args) }

func rpop(c *client, args []string) error { return c.pop("rpop", c.srv.engine.RPop, args) }

// pop answers one value, or a list if a number was given, be it 1.
func (c *client) pop(name string, call func(ctx context.Context, key string, n int) ([]string, error), args []string) error {
	key, n := args[0], int64(1)
	if len(args) > 2 {
		return errArity(name)
	}
	if len(args) == 2 {
		var err error
		if n, err = integer(args[1]); err != nil || n < 0 {
			return errNotPositive
		}
		if n == 0 {
			return c.popNone(key)
		}
	}
	values, err := call(c.life, key, int(min(n, math.MaxInt32)))
	switch {
	case err != nil:
		return err
	case len(args) == 2 && values == nil:
		c.w.nullArray()
	case len(args) == 2:
		c.w.bulks(values)
	case len(values) == 0:
		c.w.null()
	default:
		c.w.bulk(values[0])
	}
	return nil
}

// popNone answers as if to take none were an operation of its own.
func (c *client) popNone(key string) error {
	n, err := c.srv.engine.LLen(c.life, key)
	switch {
	case err != nil:
		return err
	case n == 0:
		c.w.nullArray()
	default:
		c.w.array(0)
	}
	return nil
}

// ranks reads two indexes.
func ranks(args []string) (start, stop int64, err error) {
	if start, err = integer(args[0]); err == nil {
		stop, err = integer(args[1])
	}
	return start, stop, err
}

func lrange(c *client, args []string) error {
	start, stop, err := ranks(args[1:])
	if err != nil {
		return err
	}
	values, err := c.srv.engine.LRange(c.life, args[0], start, stop)
	if err != nil {
		return err
	}
	c.w.bulks(values)
	return nil
}

func ltrim(c *client, args []string) error {
	start, stop, err := ranks(args[1:])
	if err == nil {
		err = c.srv.engine.LTrim(c.life, args[0], start, stop)
	}
	if err != nil {
		return err
	}
	c.w.ok()
	return nil
}

func llen(c *client, args []string) error { return c.count(c.srv.engine.LLen(c.life, args[0])) }
