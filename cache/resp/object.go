package resp

import (
	"context"
	"errors"
	"time"

	"hyperlocal/cache"
)

// What an engine may tell of a key beyond the contract. None of it counts as a
// use of the key. They are not ok for a missing key, and errors.ErrUnsupported
// where the engine does not keep track of it.
type (
	sizer interface {
		// MemoryUsage is the bytes that the engine counts for a key.
		MemoryUsage(ctx context.Context, key string) (bytes int64, ok bool, err error)
	}
	idler interface {
		// IdleTime is how long ago a key was last used.
		IdleTime(ctx context.Context, key string) (d time.Duration, ok bool, err error)
	}
	counter interface {
		// Frequency is how often a key was used lately, on the scale of Redis's
		// logarithmic counters: 0 to 255.
		Frequency(ctx context.Context, key string) (n int64, ok bool, err error)
	}
)

func objectCommand() command {
	return container("object", "generic", "About the way a key is kept.",
		command{name: "encoding", arity: 3, flags: readOnly, keys: keysAt{2, 2, 1}, summary: "Answer how a key is kept, by Redis's nearest name.", run: objectEncoding},
		command{name: "refcount", arity: 3, flags: readOnly, keys: keysAt{2, 2, 1}, summary: "Answer 1: no two keys share a value.", run: objectRefcount},
		command{name: "idletime", arity: 3, flags: readOnly, keys: keysAt{2, 2, 1}, summary: "Answer how many seconds ago a key was used.", run: objectIdleTime},
		command{name: "freq", arity: 3, flags: readOnly, keys: keysAt{2, 2, 1}, summary: "Answer how often a key was used lately, from 0 to 255.", run: objectFreq},
	)
}

func memoryCommand() command {
	return container("memory", "server", "About memory.",
		command{name: "usage", arity: -3, flags: readOnly, keys: keysAt{2, 2, 1}, summary: "Answer how many bytes a key takes.", run: memoryUsage},
	)
}

// encodings are the engine's forms, of which it has one per type, by the names
// of the forms that Redis has for large values.
var encodings = map[string]string{
	"string": "raw", "list": "quicklist", "set": "hashtable", "zset": "skiplist", "hash": "hashtable", "stream": "stream",
}

func objectEncoding(c *client, args []string) error {
	t, err := c.srv.engine.Type(c.life, args[0])
	name, ok := encodings[t]
	return c.answer(cache.Optional{Str: name, OK: ok}, err)
}

func objectRefcount(c *client, args []string) error {
	n, err := c.srv.engine.Exists(c.life, args[0])
	return c.countIf(n, n == 1, err)
}

// countIf answers with a number that may be missing.
func (c *client) countIf(n int64, ok bool, err error) error {
	if err == nil && !ok {
		c.w.null()
		return nil
	}
	return c.count(n, err)
}

const (
	errNotTracked = refusal("ERR it is not kept track of under this eviction policy")
	errNotLFU     = refusal("ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
)

func objectIdleTime(c *client, args []string) error {
	e, ok := c.srv.engine.(idler)
	if !ok {
		return errNotTracked
	}
	d, ok, err := e.IdleTime(c.life, args[0])
	if errors.Is(err, errors.ErrUnsupported) {
		return errNotTracked
	}
	return c.countIf(int64(d/time.Second), ok, err)
}

func objectFreq(c *client, args []string) error {
	// Redis looks for the key first.
	if n, err := c.srv.engine.Exists(c.life, args[0]); err != nil || n == 0 {
		return c.countIf(0, false, err)
	}
	e, ok := c.srv.engine.(counter)
	if !ok {
		return errNotLFU
	}
	n, ok, err := e.Frequency(c.life, args[0])
	if errors.Is(err, errors.ErrUnsupported) {
		return errNotLFU
	}
	return c.countIf(n, ok, err)
}

func memoryUsage(c *client, args []string) error {
	switch {
	case len(args) == 1:
	case len(args) == 3 && is(args[1], "samples"):
		n, err := integer(args[2])
		if err != nil {
			return err
		}
		if n < 0 {
			return errSyntax
		}
	default:
		return errSyntax
	}
	e, ok := c.srv.engine.(sizer)
	if !ok {
		return errNotTracked
	}
	n, ok, err := e.MemoryUsage(c.life, args[0])
	return c.countIf(n, ok, err)
}
