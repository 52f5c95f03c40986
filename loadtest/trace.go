package loadtest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// ErrTraces says that a file of traces cannot be read, and why.
var ErrTraces = errors.New("traces")

// Bounds of a file of traces, far above what a recording of some hours needs.
const (
	maxTraces     = 100_000
	maxTraceFixes = 100_000
	maxTraceTime  = 7 * 24 * time.Hour
	maxTraceMetre = 1e6
)

// Trace is one recorded journey of a partner.
type Trace struct {
	ID    string
	Fixes []TraceFix // at least two, in order of time, the first at 0
}

// TraceFix is where the partner was, in metres east (X) and north (Y) of the
// trace's own origin, at a time since the trace's beginning.
type TraceFix struct {
	At   time.Duration
	X, Y float64
}

// Duration is the time from the first fix to the last.
func (t Trace) Duration() time.Duration { return t.Fixes[len(t.Fixes)-1].At }

var traceHeader = []string{"trace", "t_rel_s", "x_m", "y_m", "label"}

// LoadTraces reads CSV with the header trace,t_rel_s,x_m,y_m,label: the rows of
// a trace follow each other, their times begin at 0 s and increase. The label,
// what the partner was doing, is not needed to move and is not kept.
//
// Errors wrap [ErrTraces] and name the line at fault, counted from 1.
func LoadTraces(r io.Reader) ([]Trace, error) {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	rows.FieldsPerRecord = len(traceHeader)
	switch header, err := rows.Read(); {
	case err == io.EOF:
		return nil, fmt.Errorf("%w: the file is empty", ErrTraces)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTraces, err) // csv's errors name the line
	case !slices.Equal(header, traceHeader):
		return nil, fmt.Errorf("%w: line 1: the header is %q, want %q", ErrTraces, header, traceHeader)
	}
	l := loader{seen: make(map[string]bool)}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTraces, err)
		}
		if err := l.add(row); err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("%w: line %d: %w", ErrTraces, line, err)
		}
	}
	if err := l.endTrace(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTraces, err)
	}
	if len(l.traces) == 0 {
		return nil, fmt.Errorf("%w: no rows after the header", ErrTraces)
	}
	return l.traces, nil
}

// loader collects rows; the last of its traces is still growing.
type loader struct {
	traces []Trace
	seen   map[string]bool
}

func (l *loader) add(row []string) error {
	fix, err := parseFix(row[1:])
	if err != nil {
		return err
	}
	if n := len(l.traces); n == 0 || l.traces[n-1].ID != row[0] {
		return l.begin(row[0], fix)
	}
	t := &l.traces[len(l.traces)-1]
	last := t.Fixes[len(t.Fixes)-1]
	switch {
	case fix.At <= last.At:
		return fmt.Errorf("t_rel_s: %v does not come after %v", fix.At.Seconds(), last.At.Seconds())
	case len(t.Fixes) == maxTraceFixes:
		return fmt.Errorf("trace %q: more than %d fixes", t.ID, maxTraceFixes)
	}
	t.Fixes = append(t.Fixes, fix)
	return nil
}

func (l *loader) begin(id string, first TraceFix) error {
	if err := l.endTrace(); err != nil {
		return err
	}
	switch {
	case id == "":
		return errors.New("trace: empty")
	case l.seen[id]:
		return fmt.Errorf("trace: %q goes on after other traces", id)
	case first.At != 0:
		return fmt.Errorf("t_rel_s: trace %q begins at %v, want 0", id, first.At.Seconds())
	case len(l.traces) == maxTraces:
		return fmt.Errorf("more than %d traces", maxTraces)
	}
	l.seen[id] = true
	l.traces = append(l.traces, Trace{ID: id, Fixes: []TraceFix{first}})
	return nil
}

// endTrace checks the trace that no more rows will join.
func (l *loader) endTrace() error {
	if n := len(l.traces); n > 0 && len(l.traces[n-1].Fixes) < 2 {
		return fmt.Errorf("trace %q ends after one fix", l.traces[n-1].ID)
	}
	return nil
}

// parseFix reads t_rel_s, x_m, y_m.
func parseFix(fields []string) (TraceFix, error) {
	var v [3]float64
	for i, limit := range [3]float64{maxTraceTime.Seconds(), maxTraceMetre, maxTraceMetre} {
		f, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return TraceFix{}, fmt.Errorf("%s: %q is not a number", traceHeader[i+1], fields[i])
		}
		if !(math.Abs(f) <= limit) { // also when it is NaN
			return TraceFix{}, fmt.Errorf("%s: %v is not within ±%v", traceHeader[i+1], f, limit)
		}
		v[i] = f
	}
	return TraceFix{At: time.Duration(math.Round(v[0] * 1e9)), X: v[1], Y: v[2]}, nil
}
