package resp

import (
	"strconv"

	"hyperlocal/cache"
)

// scanOptions are what follows the cursor of SCAN and HSCAN.
type scanOptions struct {
	cursor, match, kind string
	count               int
}

// scanCursor translates Redis's first and last cursor, 0, to the contract's. It
// is read as C's strtoul does: with a sign, and nothing at all is 0.
func scanCursor(arg string) (string, error) {
	digits := arg
	if arg != "" && (arg[0] == '+' || arg[0] == '-') {
		digits = arg[1:]
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case arg == "":
		return "", nil
	case err != nil:
		return "", errCursor
	case n == 0:
		return "", nil
	case arg[0] == '-':
		n = -n
	}
	return strconv.FormatUint(n, 10), nil
}

// scanArgs understands MATCH, COUNT and, of SCAN, TYPE.
func scanArgs(cursor string, args []string, typed bool) (scanOptions, error) {
	o := scanOptions{cursor: cursor}
	for ; len(args) > 0; args = args[2:] {
		switch {
		case is(args[0], "count") && len(args) > 1:
			n, err := integer(args[1])
			if err != nil {
				return o, err
			}
			if n < 1 {
				return o, errSyntax
			}
			o.count = int(n)
		case is(args[0], "match") && len(args) > 1:
			o.match = args[1]
			if o.match == "" { // of which the contract makes anything
				o.match = "[]"
			}
		case typed && is(args[0], "type") && len(args) > 1:
			o.kind = args[1]
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

// page begins the answer: the next cursor, and then a list.
func (w *writer) page(next string) {
	w.array(2)
	if next == "" {
		next = "0"
	}
	w.bulk(next)
}

func scan(c *client, args []string) error {
	cursor, err := scanCursor(args[0])
	if err != nil {
		return err
	}
	o, err := scanArgs(cursor, args[1:], true)
	if err != nil {
		return err
	}
	keys, next, err := c.srv.engine.Scan(c.life, o.cursor, o.match, o.count)
	if err != nil {
		return err
	}
	if o.kind != "" {
		if keys, err = c.ofType(keys, o.kind); err != nil {
			return err
		}
	}
	c.w.page(next)
	c.w.bulks(keys)
	return nil
}

// ofType keeps the keys of one type.
func (c *client) ofType(keys []string, kind string) ([]string, error) {
	kept := keys[:0]
	for _, key := range keys {
		t, err := c.srv.engine.Type(c.life, key)
		if err != nil {
			return nil, err
		}
		if is(t, kind) {
			kept = append(kept, key)
		}
	}
	return kept, nil
}

func hscan(c *client, args []string) error {
	cursor, err := scanCursor(args[1])
	if err != nil {
		return err
	}
	key := args[0]
	o, err := scanArgs(cursor, args[2:], false)
	if err != nil {
		return c.unlessEmptyScan(key, err)
	}
	fields, next, err := c.srv.engine.HScan(c.life, key, o.cursor, o.match, o.count)
	if err != nil {
		return err
	}
	c.w.page(next)
	c.w.array(2 * len(fields))
	for _, f := range fields {
		c.w.bulk(f.Name)
		c.w.bulk(f.Value)
	}
	return nil
}

// unlessEmptyScan is for options that Redis does not look at when the key is
// missing.
func (c *client) unlessEmptyScan(key string, err error) error {
	n, failed := c.srv.engine.HLen(c.life, key)
	switch {
	case failed != nil:
		return failed
	case n > 0:
		return err
	}
	c.w.page("")
	c.w.array(0)
	return nil
}

// pairs is a map's content in the form of both protocols.
func (w *writer) pairs(m map[string]string) {
	w.mapping(len(m))
	for name, value := range m {
		w.bulk(name)
		w.bulk(value)
	}
}

// fieldsOf makes fields of names and values that follow each other. The slice is
// valid until the next call: for those of the engine's methods that keep it not.
func (c *client) fieldsOf(args []string) []cache.Field {
	c.fields = c.fields[:0]
	for i := 0; i+1 < len(args); i += 2 {
		c.fields = append(c.fields, cache.Field{Name: args[i], Value: args[i+1]})
	}
	return c.fields
}
