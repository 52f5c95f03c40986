// Package bars says how measurements stand beside the bars that they are to clear:
// for each the limit, the median of the rounds, and whether it is met.
package bars

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// What Verdict returns.
var (
	// ErrNotMeasured: a bar has no figure, so nobody knows whether it is met.
	ErrNotMeasured = errors.New("not measured")
	// ErrMissed: under STRICT=1, a bar is not met.
	ErrMissed = errors.New("not met")
)

// Table collects bars. The zero value is empty.
type Table struct{ bars []bar }

type bar struct {
	name, unit string
	limit      float64
	atLeast    bool
	rounds     []float64
}

// AtMost adds a bar that the median of the rounds must not be above.
func (t *Table) AtMost(name string, limit float64, unit string, rounds []float64) {
	t.bars = append(t.bars, bar{name: name, unit: unit, limit: limit, rounds: rounds})
}

// AtLeast adds a bar that the median of the rounds must not be below.
func (t *Table) AtLeast(name string, limit float64, unit string, rounds []float64) {
	t.bars = append(t.bars, bar{name: name, unit: unit, limit: limit, rounds: rounds, atLeast: true})
}

func (b *bar) met() bool {
	if b.atLeast {
		return Median(b.rounds) >= b.limit
	}
	return Median(b.rounds) <= b.limit
}

// Write writes the table.
func (t *Table) Write(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tab, "bar\tlimit\tmedian\tmet\trounds")
	for _, b := range t.bars {
		limit := "≤ "
		if b.atLeast {
			limit = "≥ "
		}
		limit += strings.TrimSpace(format(b.limit) + " " + b.unit)
		if len(b.rounds) == 0 {
			fmt.Fprintf(tab, "%s\t%s\t\tNOT MEASURED\t\n", b.name, limit)
			continue
		}
		met := "NO"
		if b.met() {
			met = "yes"
		}
		rounds := make([]string, len(b.rounds))
		for i, v := range b.rounds {
			rounds[i] = format(v)
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", b.name, limit, format(Median(b.rounds)), met, strings.Join(rounds, " "))
	}
	return tab.Flush()
}

// Verdict returns an error if a bar was not measured, or, with STRICT=1 in the
// environment, not met. Without that a missed bar is only told: a machine that
// others use as well misses it now and then.
func (t *Table) Verdict() error {
	for _, b := range t.bars {
		if len(b.rounds) == 0 {
			return fmt.Errorf("%s: %w", b.name, ErrNotMeasured)
		}
	}
	for _, b := range t.bars {
		if !b.met() && os.Getenv("STRICT") == "1" {
			return fmt.Errorf("%s: %w", b.name, ErrMissed)
		}
	}
	return nil
}

// Median is NaN for nothing.
func Median(rounds []float64) float64 {
	sorted := slices.Sorted(slices.Values(rounds))
	if len(sorted) == 0 {
		return math.NaN()
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Ratios divides what was measured in the same rounds. Rounds that only one side has
// are left out.
func Ratios(over, under []float64) (ratios []float64) {
	for i := range min(len(over), len(under)) {
		ratios = append(ratios, over[i]/under[i])
	}
	return ratios
}

// format leaves out digits that say nothing.
func format(v float64) string {
	switch {
	case v == math.Trunc(v), v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
