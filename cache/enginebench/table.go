//go:build linux

package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"
)

// table is printed at the end, when all widths are known.
type table struct {
	out io.Writer
	o   options
	w   *tabwriter.Writer
}

func newTable(out io.Writer, o options) *table {
	t := &table{out: out, o: o, w: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.line("line", "journal", "bar", "ours", "Redis", "ratio", "met", "steal", "others")
	return t
}

func (t *table) line(cells ...string) {
	for _, c := range cells {
		fmt.Fprint(t.w, c, "\t")
	}
	fmt.Fprintln(t.w)
}

// add makes a line of each row and side.
func (t *table) add(m measurement, f findings) {
	for _, r := range m.rows {
		theirs, compared := f.sides[redisName][r.figure]
		for _, journal := range m.journals {
			ours := f.sides[ownName(journal)][r.figure]
			redis, ratio := "", ""
			if compared {
				redis, ratio = r.format(theirs), fmt.Sprintf("%.2f", theirs/ours)
			}
			t.line(r.title, map[bool]string{true: "on", false: "off"}[journal], r.limit(), r.format(ours), redis, ratio, r.verdict(ours),
				fmt.Sprintf("%.1f %%", f.steal), fmt.Sprintf("%.0f %%", f.others))
		}
	}
}

// limit is the bar as it is printed.
func (r row) limit() string {
	switch {
	case r.bar == 0:
		return ""
	case r.atLeast:
		return "≥ " + r.format(r.bar)
	}
	return "≤ " + r.format(r.bar)
}

// verdict says whether a figure meets the bar.
func (r row) verdict(v float64) string {
	switch {
	case r.bar == 0:
		return ""
	case v == r.bar || v > r.bar == r.atLeast:
		return "yes"
	}
	return "NO"
}

// format writes a figure with three digits and its unit.
func (r row) format(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, r.unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, r.unit)
	}
	return fmt.Sprintf("%.2f %s", v, r.unit)
}

func (t *table) print() error {
	fmt.Fprintf(t.out, "\n%d members, medians of %d rounds; %d processors, %s, a look at the clock takes %v\n\n",
		t.o.members, t.o.rounds, runtime.NumCPU(), runtime.Version(), clockCost())
	return t.w.Flush()
}

// clockCost is the CPU time of a time.Now, of which many calls take one.
func clockCost() time.Duration {
	const n = 1_000_000
	var last time.Time
	used, err := ownCPU(func() error {
		for range n {
			last = time.Now()
		}
		return nil
	})
	if err != nil || last.IsZero() {
		return 0
	}
	return used / n
}
