package resp

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"hyperlocal/cache"
)

func streamCommands() []command {
	const group = "stream"
	return []command{
		{name: "xadd", arity: -5, flags: write | fast, keys: oneKey, group: group, summary: "Append an entry; MAXLEN, MINID.", run: xadd},
		{name: "xlen", arity: 2, flags: readOnly | fast, keys: oneKey, group: group, summary: "Count the entries.", run: xlen},
		{name: "xrange", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the entries between two ids; COUNT.", run: xrange},
		{name: "xrevrange", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer the entries between two ids, newest first; COUNT.", run: xrevRange},
		{name: "xtrim", arity: -4, flags: write, keys: oneKey, group: group, summary: "Remove the oldest entries; MAXLEN, MINID.", run: xtrim},
		{name: "xread", arity: -4, flags: readOnly | blocking, group: group, summary: "Answer what came after given ids; COUNT, BLOCK.", run: xread},
	}
}

// idParts reads "ms-seq" or "ms".
func idParts(s string) (ms, seq uint64, hasSeq, ok bool) {
	first, second, hasSeq := strings.Cut(s, "-")
	ms, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return 0, 0, false, false
	}
	if hasSeq {
		if seq, err = strconv.ParseUint(second, 10, 64); err != nil {
			return 0, 0, false, false
		}
	}
	return ms, seq, hasSeq, true
}

func isID(s string) bool {
	_, _, _, ok := idParts(s)
	return ok
}

// trimArgs are XADD's and XTRIM's options.
type trimArgs struct {
	trim    cache.Trim
	given   bool
	emptied bool // MAXLEN 0, which to the contract is none
	rest    []string
}

// parseTrim reads MAXLEN or MINID up to the first word that is no option. "~"
// asks for about so many, and is given exactly so many.
func parseTrim(args []string) (o trimArgs, err error) {
	for len(args) > 0 {
		option := args[0]
		length := is(option, "maxlen")
		if !length && !is(option, "minid") || len(args) < 2 {
			break
		}
		if o.given && length != (o.trim.MinID == "") {
			return o, refusal("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
		}
		args = args[1:]
		if len(args) > 1 && (args[0] == "=" || args[0] == "~") {
			args = args[1:]
		}
		if err := o.threshold(length, args[0]); err != nil {
			return o, err
		}
		args = args[1:]
	}
	o.rest = args
	return o, nil
}

func (o *trimArgs) threshold(length bool, arg string) error {
	o.given = true
	if !length {
		if !isID(arg) {
			return errStreamID
		}
		o.trim.MinID = arg
		return nil
	}
	n, err := integer(arg)
	if err != nil {
		return err
	}
	if n < 0 {
		return refusal("ERR The MAXLEN argument must be >= 0.")
	}
	o.trim.MaxLen, o.emptied = int(min(n, math.MaxInt32)), n == 0
	return nil
}

// afterAll is an id below which every entry is.
const afterAll = "18446744073709551615-18446744073709551615"

func xadd(c *client, args []string) error {
	key := args[0]
	o, err := parseTrim(args[1:])
	switch {
	case err != nil:
		return err
	case len(o.rest) == 0:
		return errSyntax
	case is(o.rest[0], "nomkstream"), is(o.rest[0], "limit"):
		return errSyntax // options of Redis's that are not here
	}
	id, pairs := o.rest[0], o.rest[1:]
	if err := checkNewID(id); err != nil {
		return err
	}
	if len(pairs) < 2 || len(pairs)%2 != 0 {
		return errArity("xadd")
	}
	if strings.TrimLeft(strings.Replace(id, "-", "", 1), "0") == "" { // 0-0, 0
		return refusal("ERR The ID specified in XADD must be greater than 0-0")
	}
	fields := append([]cache.Field(nil), c.fieldsOf(pairs)...) // the engine may keep them
	added, err := c.srv.engine.XAdd(c.life, key, id, o.trim, fields...)
	if err != nil {
		return c.addRefused(key, id, err)
	}
	if o.emptied { // MAXLEN 0: nothing stays, not even this one
		if _, err := c.srv.engine.XTrim(c.life, key, cache.Trim{MinID: afterAll}); err != nil {
			return err
		}
	}
	c.w.bulk(added)
	return nil
}

// checkNewID: "*", "ms-*" or an id.
func checkNewID(id string) error {
	if id == "*" {
		return nil
	}
	if ms, auto := strings.CutSuffix(id, "-*"); auto {
		id = ms
		if strings.Contains(ms, "-") {
			return errStreamID
		}
	}
	if !isID(id) {
		return errStreamID
	}
	return nil
}

// addRefused words the two reasons for which a well-formed id is not taken.
func (c *client) addRefused(key, id string, err error) error {
	if !errors.Is(err, cache.ErrStreamID) {
		return err
	}
	last, failed := c.srv.engine.XRevRange(c.life, key, "+", "-", 1)
	if failed != nil {
		return failed
	}
	if id == "*" || len(last) == 1 && last[0].ID == afterAll {
		return refusal("ERR The stream has exhausted the last possible ID, unable to add more items")
	}
	return errSmallID
}

func xlen(c *client, args []string) error { return c.count(c.srv.engine.XLen(c.life, args[0])) }

func xtrim(c *client, args []string) error {
	o, err := parseTrim(args[1:])
	switch {
	case err != nil:
		return err
	case len(o.rest) > 0 || !o.given:
		return errSyntax
	case o.emptied:
		o.trim.MinID = afterAll
	}
	return c.count(c.srv.engine.XTrim(c.life, args[0], o.trim))
}

func xrange(c *client, args []string) error {
	count, err := rangeCount(args, args[1], args[2])
	if err != nil {
		return err
	}
	if count == 0 {
		return c.noEntries(args[0])
	}
	entries, err := c.srv.engine.XRange(c.life, args[0], args[1], args[2], max(count, 0))
	return c.entries(entries, err)
}

func xrevRange(c *client, args []string) error {
	count, err := rangeCount(args, args[2], args[1])
	if err != nil {
		return err
	}
	if count == 0 {
		return c.noEntries(args[0])
	}
	entries, err := c.srv.engine.XRevRange(c.life, args[0], args[1], args[2], max(count, 0))
	return c.entries(entries, err)
}

// rangeCount checks the ids and reads COUNT; -1: all.
func rangeCount(args []string, start, end string) (int, error) {
	if err := checkBound(start, afterAll, "start"); err != nil {
		return 0, err
	}
	if err := checkBound(end, "0-0", "end"); err != nil {
		return 0, err
	}
	count := int64(-1)
	for rest := args[3:]; len(rest) > 0; rest = rest[2:] {
		if !is(rest[0], "count") || len(rest) < 2 {
			return 0, errSyntax
		}
		var err error
		if count, err = integer(rest[1]); err != nil {
			return 0, err
		}
		count = min(max(count, 0), math.MaxInt32)
	}
	return int(count), nil
}

// checkBound: "-", "+", an id, or "(" and an id, which must not be the last one
// in its direction.
func checkBound(bound, last, which string) error {
	id, open := strings.CutPrefix(bound, "(")
	if !open && (id == "-" || id == "+") {
		return nil
	}
	ms, seq, hasSeq, ok := idParts(id)
	if !ok {
		return errStreamID
	}
	if !hasSeq && which == "end" {
		seq = math.MaxUint64
	}
	if open && strconv.FormatUint(ms, 10)+"-"+strconv.FormatUint(seq, 10) == last {
		return refusef("ERR invalid %s ID for the interval", which)
	}
	return nil
}

// noEntries is the answer to COUNT 0: no list, unless the stream is missing.
func (c *client) noEntries(key string) error {
	if err := c.orWrongType(c.life, key, "stream", nil); err != nil {
		return err
	}
	n, err := c.srv.engine.Exists(c.life, key)
	switch {
	case err != nil:
		return err
	case n == 0:
		c.w.array(0)
	default:
		c.w.nullArray()
	}
	return nil
}

func (c *client) entries(list []cache.Entry, err error) error {
	if err != nil {
		return err
	}
	c.w.entries(list)
	return nil
}

func (w *writer) entries(list []cache.Entry) {
	w.array(len(list))
	for _, e := range list {
		w.array(2)
		w.bulk(e.ID)
		w.array(2 * len(e.Fields))
		for _, f := range e.Fields {
			w.bulk(f.Name)
			w.bulk(f.Value)
		}
	}
}
