package resp

import (
	"errors"

	"hyperlocal/cache"
)

func hashCommands() []command {
	const group = "hash"
	return []command{
		{name: "hset", arity: -4, flags: write | fast, keys: oneKey, group: group, summary: "Set fields.", run: hset},
		{name: "hsetnx", arity: 4, flags: write | fast, keys: oneKey, group: group, summary: "Set a field unless it exists.", run: hsetNX},
		{name: "hget", arity: 3, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer a field.", run: hget},
		{name: "hmget", arity: -3, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer several fields.", run: hmget},
		{name: "hgetall", arity: 2, flags: readOnly, keys: oneKey, group: group, summary: "Answer all fields.", run: hgetAll},
		{name: "hdel", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Remove fields.", run: hdel},
		{name: "hlen", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the fields.", run: hlen},
		{name: "hincrby", arity: 4, flags: write | fast, keys: oneKey, group: group, summary: "Add a whole number to a field.", run: hincrBy},
		{name: "hscan", arity: -3, flags: readOnly, keys: oneKey, group: group, summary: "Page through the fields; MATCH, COUNT.", run: hscan},
	}
}

func hset(c *client, args []string) error {
	if len(args)%2 == 0 {
		return errArity("hset")
	}
	return c.count(c.srv.engine.HSet(c.life, args[0], c.fieldsOf(args[1:])...))
}

func hsetNX(c *client, args []string) error {
	return c.yes(c.srv.engine.HSetNX(c.life, args[0], args[1], args[2]))
}

func hget(c *client, args []string) error {
	return c.answer(c.srv.engine.HGet(c.life, args[0], args[1]))
}

func hmget(c *client, args []string) error {
	values, err := c.srv.engine.HMGet(c.life, args[0], args[1:]...)
	if err != nil {
		return err
	}
	c.w.optionals(values)
	return nil
}

func hgetAll(c *client, args []string) error {
	fields, err := c.srv.engine.HGetAll(c.life, args[0])
	if err != nil {
		return err
	}
	c.w.pairs(fields)
	return nil
}

func hdel(c *client, args []string) error {
	return c.count(c.srv.engine.HDel(c.life, args[0], args[1:]...))
}

func hlen(c *client, args []string) error { return c.count(c.srv.engine.HLen(c.life, args[0])) }

// hincrBy words the two ways in which a sum can fail.
func hincrBy(c *client, args []string) error {
	delta, err := integer(args[2])
	if err != nil {
		return err
	}
	n, err := c.srv.engine.HIncrBy(c.life, args[0], args[1], delta)
	if errors.Is(err, cache.ErrNotInteger) {
		if v, failed := c.srv.engine.HGet(c.life, args[0], args[1]); failed == nil && isInteger(v.Str) {
			return errOverflow
		}
		return errHashInteger
	}
	return c.count(n, err)
}
