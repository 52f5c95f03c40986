package resp

import (
	"context"
	"math"
	"time"

	"hyperlocal/cache"
)

// readArgs are what XREAD understands.
type readArgs struct {
	count int
	block time.Duration // negative: not at all
	from  []cache.ReadFrom
}

const forever = time.Duration(math.MaxInt64)

// parseRead reads the options up to STREAMS, then keys and as many ids.
func parseRead(args []string) (o readArgs, keys, ids []string, err error) {
	o.block = -1
	for len(args) > 0 {
		switch {
		case is(args[0], "count") && len(args) > 1:
			n, err := integer(args[1])
			if err != nil {
				return o, nil, nil, err
			}
			o.count = int(min(max(n, 0), math.MaxInt32))
		case is(args[0], "block") && len(args) > 1:
			if o.block, err = timeout(args[1]); err != nil {
				return o, nil, nil, err
			}
		case is(args[0], "streams") && len(args) > 1:
			keys = args[1:]
			if len(keys)%2 != 0 {
				return o, nil, nil, refusal("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
			}
			return o, keys[:len(keys)/2], keys[len(keys)/2:], nil
		default:
			return o, nil, nil, errSyntax
		}
		args = args[2:]
	}
	return o, nil, nil, errSyntax
}

// timeout reads milliseconds; zero is for ever.
func timeout(arg string) (time.Duration, error) {
	n, ok := parseInt(arg)
	switch {
	case !ok:
		return 0, refusal("ERR timeout is not an integer or out of range")
	case n < 0:
		return 0, refusal("ERR timeout is negative")
	case n == 0:
		return forever, nil
	}
	return ttlOf(n), nil
}

// xread answers what there is. With BLOCK it waits for something in its own
// goroutine, so that nobody else is held up, and a client that hangs up ends it.
func xread(c *client, args []string) error {
	o, keys, ids, err := parseRead(args)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if id != "$" && !isID(id) {
			return c.idRefused(keys[:i+1], id)
		}
		o.from = append(o.from, cache.ReadFrom{Key: keys[i], After: id})
	}
	var found []cache.StreamEntries
	read := func(ctx context.Context) (err error) {
		found, err = c.srv.engine.XRead(ctx, o.count, max(o.block, 0), o.from...)
		return err
	}
	if o.block < 0 {
		err = read(c.life)
	} else {
		err = c.wait(read)
	}
	if err != nil {
		return err
	}
	c.streams(found)
	return nil
}

// idRefused keeps Redis's order: it looks at a key before it reads its id.
func (c *client) idRefused(keys []string, id string) error {
	for _, key := range keys {
		if err := c.orWrongType(c.life, key, "stream", nil); err != nil {
			return err
		}
	}
	if id == ">" {
		return refusal("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
	}
	return errStreamID
}

// streams answers with entries by stream, or with nothing at all.
func (c *client) streams(found []cache.StreamEntries) {
	if len(found) == 0 {
		c.w.nullArray()
		return
	}
	if c.w.resp3 {
		c.w.mapping(len(found))
	} else {
		c.w.array(len(found))
	}
	for _, s := range found {
		if !c.w.resp3 {
			c.w.array(2)
		}
		c.w.bulk(s.Key)
		c.w.entries(s.Entries)
	}
}
