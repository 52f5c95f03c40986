package resp

func hyperLogLogCommands() []command {
	const group = "hyperloglog"
	return []command{
		{name: "pfadd", arity: -2, flags: write | fast, keys: oneKey, group: group, summary: "Count elements in.", run: pfAdd},
		{name: "pfcount", arity: -2, flags: readOnly, keys: allKeys, group: group, summary: "Estimate how many distinct elements were counted in.", run: pfCount},
		{name: "pfmerge", arity: -2, flags: write, keys: allKeys, group: group, summary: "Make the first the union of all.", run: pfMerge},
	}
}

func pfAdd(c *client, args []string) error {
	return c.yes(c.srv.engine.PFAdd(c.life, args[0], args[1:]...))
}

func pfCount(c *client, args []string) error { return c.count(c.srv.engine.PFCount(c.life, args...)) }

func pfMerge(c *client, args []string) error {
	if err := c.srv.engine.PFMerge(c.life, args[0], args[1:]...); err != nil {
		return err
	}
	c.w.ok()
	return nil
}
