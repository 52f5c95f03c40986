package resp

import "hyperlocal/cache"

func sortedSetCommands() []command {
	const group = "sorted-set"
	return []command{
		{name: "zadd", arity: -4, flags: write | fast, keys: oneKey, group: group, summary: "Add members with scores; NX, XX, GT, LT, CH, INCR.", run: zadd},
		{name: "zincrby", arity: 4, flags: write | fast, keys: oneKey, group: group, summary: "Add to a member's score.", run: zincrBy},
		{name: "zrem", arity: -3, flags: write | fast, keys: oneKey, group: group, summary: "Remove members.", run: zrem},
		{name: "zremrangebyscore", arity: 4, flags: write, keys: oneKey, group: group, summary: "Remove the members within a range of scores.", run: zremRangeByScore},
		{name: "zremrangebyrank", arity: 4, flags: write, keys: oneKey, group: group, summary: "Remove the members from one rank to another.", run: zremRangeByRank},
		{name: "zscore", arity: 3, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer a member's score.", run: zscore},
		{name: "zrank", arity: 3, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer how many members come before this one.", run: zrankFrom(false)},
		{name: "zrevrank", arity: 3, flags: readOnly | fast, keys: oneKey, group: group, summary: "Answer how many members come after this one.", run: zrankFrom(true)},
		{name: "zcard", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the members.", run: zcard},
		{name: "zcount", arity: 4, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the members within a range of scores.", run: zcount},
		{name: "zrange", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the members between two ranks, or BYSCORE; REV, LIMIT, WITHSCORES.", run: zrange},
		{name: "zrevrange", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the members between two ranks, highest score first; WITHSCORES.", run: zrevRange},
		{name: "zrangebyscore", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the members within a range of scores; WITHSCORES, LIMIT.", run: zrangeByScore(false)},
		{name: "zrevrangebyscore", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the members within a range of scores, highest first; WITHSCORES, LIMIT.", run: zrangeByScore(true)},
	}
}

// score answers with a score that may be missing.
func (c *client) score(f float64, ok bool, err error) error {
	switch {
	case err != nil:
		return err
	case ok:
		c.w.double(f)
	default:
		c.w.null()
	}
	return nil
}

// zaddOptions reads the words before the first score.
func zaddOptions(args []string) (opt cache.ZAddOptions, incr bool, rest []string) {
	for ; len(args) > 0; args = args[1:] {
		switch {
		case is(args[0], "nx"):
			opt.NX = true
		case is(args[0], "xx"):
			opt.XX = true
		case is(args[0], "gt"):
			opt.GT = true
		case is(args[0], "lt"):
			opt.LT = true
		case is(args[0], "ch"):
			opt.CH = true
		case is(args[0], "incr"):
			incr = true
		default:
			return opt, incr, args
		}
	}
	return opt, incr, nil
}

func zadd(c *client, args []string) error {
	opt, incr, rest := zaddOptions(args[1:])
	switch {
	case len(rest) == 0 || len(rest)%2 != 0:
		return errSyntax
	case opt.NX && opt.XX:
		return refusal("ERR XX and NX options at the same time are not compatible")
	case opt.GT && opt.LT || opt.NX && (opt.GT || opt.LT):
		return refusal("ERR GT, LT, and/or NX options at the same time are not compatible")
	case incr && len(rest) > 2:
		return refusal("ERR INCR option supports a single increment-element pair")
	}
	members := make([]cache.Member, 0, len(rest)/2)
	for i := 0; i < len(rest); i += 2 {
		score, ok := parseFloat(rest[i])
		if !ok {
			return errNotFloat
		}
		members = append(members, cache.Member{Name: rest[i+1], Score: score})
	}
	if incr {
		return c.score(c.srv.engine.ZIncrBy(c.life, args[0], members[0].Name, members[0].Score, opt))
	}
	return c.count(c.srv.engine.ZAddIf(c.life, args[0], opt, members...))
}

func zincrBy(c *client, args []string) error {
	if _, _, rest := zaddOptions(args[1:]); len(rest) != 2 {
		return errSyntax // to Redis it is a ZADD: a score that reads as an option is one
	}
	delta, ok := parseFloat(args[1])
	if !ok {
		return errNotFloat
	}
	return c.score(c.srv.engine.ZIncrBy(c.life, args[0], args[2], delta, cache.ZAddOptions{}))
}

func zrem(c *client, args []string) error {
	return c.count(c.srv.engine.ZRem(c.life, args[0], args[1:]...))
}

func zremRangeByScore(c *client, args []string) error {
	r, err := scoreRange(args[1], args[2])
	if err != nil {
		return err
	}
	return c.count(c.srv.engine.ZRemRangeByScore(c.life, args[0], r))
}

func zremRangeByRank(c *client, args []string) error {
	start, stop, err := ranks(args[1:])
	if err != nil {
		return err
	}
	return c.count(c.srv.engine.ZRemRangeByRank(c.life, args[0], start, stop))
}

func zscore(c *client, args []string) error {
	return c.score(c.srv.engine.ZScore(c.life, args[0], args[1]))
}

func zrankFrom(reverse bool) func(c *client, args []string) error {
	return func(c *client, args []string) error {
		rank, ok, err := c.srv.engine.ZRank(c.life, args[0], args[1], reverse)
		if err == nil && !ok {
			c.w.null()
			return nil
		}
		return c.count(rank, err)
	}
}

func zcard(c *client, args []string) error { return c.count(c.srv.engine.ZCard(c.life, args[0])) }

func zcount(c *client, args []string) error {
	r, err := scoreRange(args[1], args[2])
	if err != nil {
		return err
	}
	return c.count(c.srv.engine.ZCount(c.life, args[0], r))
}

func scoreRange(low, high string) (r cache.ScoreRange, err error) {
	var okMin, okMax bool
	r.Min, r.MinOpen, okMin = parseBound(low)
	r.Max, r.MaxOpen, okMax = parseBound(high)
	if !okMin || !okMax {
		return r, errScoreRange
	}
	return r, nil
}

// errByLex: members with equal scores have an order, but no command here reads
// them by it.
const errByLex = refusal("ERR BYLEX is not supported by this server")

// rangeArgs are ZRANGE's options.
type rangeArgs struct {
	byScore, byLex, reverse, scores bool
	limited                         bool
	offset, limit                   int64
}

func parseRange(args []string, modes bool) (o rangeArgs, err error) {
	o.limit = -1
	for ; len(args) > 0; args = args[1:] {
		switch {
		case is(args[0], "withscores"):
			o.scores = true
		case is(args[0], "limit") && len(args) > 2:
			if o.offset, o.limit, err = ranks(args[1:3]); err != nil {
				return o, err
			}
			o.limited = true
			args = args[2:]
		case modes && is(args[0], "rev"):
			o.reverse = true
		case modes && is(args[0], "byscore"):
			o.byScore = true
		case modes && is(args[0], "bylex"):
			o.byLex = true
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

func zrange(c *client, args []string) error {
	o, err := parseRange(args[3:], true)
	switch {
	case err != nil:
		return err
	case o.byLex:
		return errByLex
	case o.byScore:
		return c.byScore(args[0], args[1], args[2], o)
	}
	return c.byRank(args, o)
}

func zrevRange(c *client, args []string) error {
	o, err := parseRange(args[3:], false)
	if err != nil {
		return err
	}
	o.reverse = true
	return c.byRank(args, o)
}

// byRank answers the members from one rank to another.
func (c *client) byRank(args []string, o rangeArgs) error {
	if o.limited && o.limit != -1 {
		return refusal("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	}
	start, stop, err := ranks(args[1:3])
	if err != nil {
		return err
	}
	members, err := c.srv.engine.ZRange(c.life, args[0], start, stop, o.reverse)
	return c.ranked(members, o.scores, err)
}

func zrangeByScore(reverse bool) func(c *client, args []string) error {
	return func(c *client, args []string) error {
		o, err := parseRange(args[3:], false)
		if err != nil {
			return err
		}
		o.reverse = reverse
		return c.byScore(args[0], args[1], args[2], o)
	}
}

// byScore answers a range whose ends come in the order in which it is read.
func (c *client) byScore(key, from, to string, o rangeArgs) error {
	if o.reverse {
		from, to = to, from
	}
	r, err := scoreRange(from, to)
	if err != nil {
		return err
	}
	if o.offset < 0 || o.limit == 0 { // nothing, if it is a sorted set at all
		_, err := c.srv.engine.ZCard(c.life, key)
		return c.ranked(nil, false, err)
	}
	r.Reverse = o.reverse
	r.Offset, r.Limit = int(o.offset), int(max(o.limit, 0))
	members, err := c.srv.engine.ZRangeByScore(c.life, key, r)
	return c.ranked(members, o.scores, err)
}

// ranked answers with members in their order. With scores, RESP3 has pairs where
// RESP2 has one flat list.
func (c *client) ranked(members []cache.Member, scores bool, err error) error {
	if err != nil {
		return err
	}
	if scores && !c.w.resp3 {
		c.w.array(2 * len(members))
	} else {
		c.w.array(len(members))
	}
	for _, m := range members {
		if scores && c.w.resp3 {
			c.w.array(2)
		}
		c.w.bulk(m.Name)
		if scores {
			c.w.double(m.Score)
		}
	}
	return nil
}
