package resp

import "context"

func setCommands() []command {
	const group = "set"
	return []command{
		{name: "sadd", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Add members.", run: sadd},
		{name: "srem", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Remove members.", run: srem},
		{name: "smembers", arity: 2, flags: readOnly, keys: oneKey, group: group, summary: "Answer all members.", run: smembers},
		{name: "smismember", arity: -3, flags: readOnly | fast, keys: oneKey, group: group, summary: "Tell of several strings whether they are members.", run: smIsMember},
		{name: "scard", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the members.", run: scard},
		{name: "sunion", arity: -2, flags: readOnly, keys: allKeys, group: group, summary: "Answer what is in any of the sets.", run: sunion},
		{name: "sinter", arity: -2, flags: readOnly, keys: allKeys, group: group, summary: "Answer what is in all of the sets.", run: sinter},
		{name: "sdiff", arity: -2, flags: readOnly, keys: allKeys, group: group, summary: "Answer what is in the first of the sets only.", run: sdiff},
	}
}

func sadd(c *client, args []string) error {
	return c.count(c.srv.engine.SAdd(c.life, args[0], args[1:]...))
}

func srem(c *client, args []string) error {
	return c.count(c.srv.engine.SRem(c.life, args[0], args[1:]...))
}

func scard(c *client, args []string) error { return c.count(c.srv.engine.SCard(c.life, args[0])) }

func smembers(c *client, args []string) error {
	return c.members(c.srv.engine.SMembers(c.life, args[0]))
}

func (c *client) members(list []string, err error) error {
	if err != nil {
		return err
	}
	c.w.set(len(list))
	for _, m := range list {
		c.w.bulk(m)
	}
	return nil
}

func smIsMember(c *client, args []string) error {
	in, err := c.srv.engine.SMIsMember(c.life, args[0], args[1:]...)
	if err != nil {
		return err
	}
	c.w.array(len(in))
	for _, b := range in {
		c.w.boolean(b)
	}
	return nil
}

// combine answers with a combination of whole sets.
func (c *client) combine(call func(ctx context.Context, keys ...string) ([]string, error), keys []string) error {
	return c.members(call(c.life, keys...))
}

func sunion(c *client, args []string) error { return c.combine(c.srv.engine.SUnion, args) }

func sinter(c *client, args []string) error { return c.combine(c.srv.engine.SInter, args) }

func sdiff(c *client, args []string) error { return c.combine(c.srv.engine.SDiff, args) }
