package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"hyperlocal/geo"
	"hyperlocal/internal/dirlock"
	"hyperlocal/internal/spill"
)

// maxAside bounds the file of rows that the database refuses.
const maxAside = 64 << 20

// refusedFile is where rows of a kind go that the database refuses.
func (c config) refusedFile(kind string) string {
	return filepath.Join(c.DataDir, "refused", kind+".jsonl")
}

// flushWaiting reads --flush-waiting, in bytes.
func (c config) flushWaiting() (int64, error) { return size("flush-waiting", c.FlushWaiting) }

// spillLimit reads --spill-limit, in bytes.
func (c config) spillLimit() (int64, error) { return size("spill-limit", c.SpillLimit) }

func size(flag, text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n < 1 || n > math.MaxInt64/2 {
		return 0, fmt.Errorf("--%s %q: want a size, such as 64MiB or 4GB", flag, text)
	}
	return int64(n), nil
}

// flushOptions are the flusher's settings, with the spill files opened. Where
// two servers share a data folder the files are the first one's; what the other
// flushes waits in the engine.
func (c config) flushOptions(log *slog.Logger) (geo.FlushOptions, *spill.Queue, error) {
	opt := geo.FlushOptions{
		Every: c.FlushEvery, Grace: c.BucketGrace, DrainRows: c.DrainRows,
		Aside:  geo.NewAside(c.refusedFile("tracks"), maxAside),
		Lane:   background,
		Logger: log,
	}
	var err error
	if opt.Spill.WaitBytes, err = c.flushWaiting(); err != nil {
		return opt, nil, err
	}
	limit, err := c.spillLimit()
	if err != nil {
		return opt, nil, err
	}
	dir := filepath.Join(c.DataDir, "spill")
	q, err := spill.Open(dir, limit, log)
	if errors.Is(err, dirlock.ErrInUse) {
		log.Warn("another server has the spill folder; give each its own --data-dir", "folder", dir)
		return opt, nil, nil
	}
	if err != nil {
		return opt, nil, fmt.Errorf("--data-dir: %w", err)
	}
	opt.Spill.Queue = q
	return opt, q, nil
}
