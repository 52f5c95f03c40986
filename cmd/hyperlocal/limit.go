package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/dustin/go-humanize"

	"hyperlocal/cache/memory"
)

// minMaxMemory is what an empty product needs to be of any use.
const minMaxMemory = 1 << 20

// memoryLimit reads --max-memory, in bytes, and --eviction. A limit of zero is
// none.
func (c config) memoryLimit() (int64, memory.Policy, error) {
	policy, err := memory.ParsePolicy(c.Eviction)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("--eviction: %w", err)
	case c.MaxMemory == "" && policy != memory.NoEviction:
		return 0, 0, fmt.Errorf("--eviction %s: it needs --max-memory", policy)
	case c.MaxMemory == "":
		return 0, policy, nil
	case c.Engine != "memory":
		return 0, 0, errors.New("--max-memory: it is the memory engine's; with --engine redis://, set maxmemory and maxmemory-policy on that server")
	}
	limit, err := humanize.ParseBytes(c.MaxMemory)
	if err != nil || limit < minMaxMemory || limit > math.MaxInt64/2 {
		return 0, 0, fmt.Errorf("--max-memory %q: want a size of at least 1MiB, such as 512MiB or 4GB", c.MaxMemory)
	}
	return int64(limit), policy, nil
}

// pingsWaiting reads --pings-waiting, in bytes.
func (c config) pingsWaiting() (int64, error) {
	size, err := humanize.ParseBytes(c.PingsWaiting)
	if err != nil || size > math.MaxInt64/2 {
		return 0, fmt.Errorf("--pings-waiting %q: want a size, such as 64MiB or 0", c.PingsWaiting)
	}
	return int64(size), nil
}

// limitHeap keeps the process from growing to more than twice the engine's data,
// which Go's garbage collector lets it do by itself, unless the environment has
// told it something else. Measured with 256 MiB of small strings, all of them
// replaced twice: at 1.75 times the data collecting costs no more than without
// a limit (15 to 20 % of the CPU), at 1.5 times twice as much, and from 1.25
// times down it is most of all that the process does.
func limitHeap(limit int64) {
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit + limit/4*3 + processOverhead)
	}
}

// processOverhead is what the server takes beside the engine's data: code,
// buffers of the journal and of snapshots, requests under way.
const processOverhead = 128 << 20
