package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"hyperlocal/export"
)

// exportOptions are the flags of export.
type exportOptions struct {
	from, to, format, output string
	driver, zone, darkStore  string
}

func exportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export tracks|movements|orders",
		Short: "Write a part of the database as NDJSON, CSV or GeoJSON",
		Long: `Write what the database has of a span of time: every accepted fix of the drivers'
tracks, the ledger of stock movements, or orders with their history.

A moment is a time such as 2026-11-23T18:00:00+05:30, a date, or milliseconds
since 1970. Orders are those that were open, or changed, within the span. Servers
may run meanwhile; what they have not flushed yet is not there.

What is read is written at once, so a span may be of any length. Progress goes to
standard error. A file gets its name when it is complete.`,
		Example: `  hyperlocal export tracks --driver driver:7 --format geojson --output route.geojson
  hyperlocal export tracks --zone ward:12 --from 2026-11-22 --to 2026-11-23 --format csv
  hyperlocal export movements --dark-store S1 --from 2026-11-01 | gzip > november.ndjson.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, export.Kind(args[0]))
		},
	}
	f := cmd.Flags()
	settingsFlags(f, "config", "data-dir", "store", "log-level", "log-format")
	f.StringVar(&o.from, "from", "", "the first `moment` (default a day before --to)")
	f.StringVar(&o.to, "to", "", "the last `moment` (default now)")
	f.StringVar(&o.driver, "driver", "", "tracks of this `driver` alone")
	f.StringVar(&o.zone, "zone", "", "tracks in this `zone` alone")
	f.StringVar(&o.darkStore, "dark-store", "", "movements or orders of this `store` alone")
	f.StringVar(&o.format, "format", string(export.NDJSON), "ndjson, csv or, of tracks, geojson")
	f.StringVar(&o.output, "output", "-", "write to this `file`; - is standard output")
	return cmd
}

func (o exportOptions) run(cmd *cobra.Command, kind export.Kind) (err error) {
	ctx := cmd.Context()
	c, err := loadConfig(cmd.Flags())
	if err != nil {
		return err
	}
	sel, err := o.selection(time.Now())
	if err != nil {
		return err
	}
	db, err := openExistingStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	bar := &progress{out: cmd.ErrOrStderr(), what: string(kind), shown: time.Now()}
	var n int64
	err = toOutput(o.output, cmd.OutOrStdout(), func(w io.Writer) (err error) {
		n, err = export.Write(ctx, db, kind, sel, export.Format(o.format), w, bar.tell)
		return err
	})
	bar.end()
	if ctx.Err() != nil {
		return fmt.Errorf("stopped after %d records: what was written is not complete", n)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s records from %s to %s\n", kind, humanize.Comma(n), moment(sel.From), moment(sel.To))
	return nil
}

// selection reads the flags.
func (o exportOptions) selection(now time.Time) (export.Selection, error) {
	sel := export.Selection{To: now.UnixMilli(), DriverID: o.driver, Zone: o.zone, DarkStore: o.darkStore}
	var err error
	if o.to != "" {
		if sel.To, err = parseMoment(o.to); err != nil {
			return sel, fmt.Errorf("--to %w", err)
		}
	}
	sel.From = sel.To - (24 * time.Hour).Milliseconds()
	if o.from != "" {
		if sel.From, err = parseMoment(o.from); err != nil {
			return sel, fmt.Errorf("--from %w", err)
		}
	}
	if sel.From > sel.To {
		return sel, fmt.Errorf("--from %s is after --to %s", moment(sel.From), moment(sel.To))
	}
	return sel, nil
}

// parseMoment reads a time, a date (its first moment, UTC) or milliseconds since
// 1970.
func parseMoment(text string) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q: want a time such as 2026-11-23T18:00:00+05:30, a date, or milliseconds since 1970", text)
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// toOutput has write fill a file, or out for "-". A file that could not be
// completed is removed.
func toOutput(path string, out io.Writer, write func(io.Writer) error) (err error) {
	if path == "-" {
		buffered := bufio.NewWriterSize(out, 1<<16)
		return errors.Join(write(buffered), buffered.Flush())
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part*")
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what it was is in err
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<16)
	if err := errors.Join(write(buffered), buffered.Flush(), f.Sync(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// progress is a line that is rewritten once a second while work goes on.
type progress struct {
	out   io.Writer
	what  string
	shown time.Time // when it last was
	begun bool
}

func (p *progress) tell(records int64, done float64) {
	if records%256 != 0 || time.Since(p.shown) < time.Second {
		return
	}
	p.shown, p.begun = time.Now(), true
	behind := ""
	if done > 0 { // of orders nobody knows
		behind = fmt.Sprintf(", %.0f %%", 100*done)
	}
	fmt.Fprintf(p.out, "\r%s: %s records%s ", p.what, humanize.Comma(records), behind)
}

// end leaves the line.
func (p *progress) end() {
	if p.begun {
		fmt.Fprintln(p.out)
	}
}
