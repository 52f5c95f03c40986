package openloop

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a load came to. Latencies are in ms, from when a batch was due.
type Report struct {
	Drivers     int      `json:"drivers"`
	Interval    string   `json:"interval"`
	Protocol    Protocol `json:"protocol"`
	Batch       int      `json:"batch"`
	Connections int      `json:"connections"`
	Seconds     float64  `json:"seconds"` // after the warm-up
	Rate        float64  `json:"pings_per_second"`

	Latency      map[string]float64 `json:"latency_ms"` // of batches, by percentile
	Distribution []Quantile         `json:"latency_distribution"`
	Account      Account            `json:"account"`
	Server       *Server            `json:"server,omitempty"`
	Machine      *Machine           `json:"machine,omitempty"`
	Live         *Followed          `json:"followers,omitempty"`

	Failures []string `json:"failures"` // the first few errors
	Problems []string `json:"problems"` // what does not add up
}

// Quantile is a step of the cumulative distribution: so many batches took at most so
// long.
type Quantile struct {
	Quantile float64 `json:"quantile"` // of 1
	Batches  int64   `json:"batches"`
	MS       float64 `json:"ms"`
}

// Server is what its processes used after the warm-up.
type Server struct {
	CPUMicrosPerPing float64 `json:"cpu_us_per_ping"`
	CPUs             float64 `json:"cpus"`
	RSSBegin         int64   `json:"rss_begin_bytes"`
	RSSEnd           int64   `json:"rss_end_bytes"`
	RSSPeak          int64   `json:"rss_peak_bytes"`
	BytesPerDriver   float64 `json:"rss_peak_bytes_per_driver"`
}

// Followed is how followers fared. Ages are from when a ping was due to when the
// follower had it, in ms.
type Followed struct {
	Followers int     `json:"followers"`
	Lost      int64   `json:"lost"` // closed before the end
	Frames    int64   `json:"frames"`
	AgeP50    float64 `json:"age_p50_ms"`
	AgeP99    float64 `json:"age_p99_ms"`
}

var percentiles = []float64{50, 90, 99, 99.9, 100}

func percentileName(p float64) string {
	if p == 100 {
		return "max"
	}
	return fmt.Sprintf("p%g", p)
}

func millis(us int64) float64 { return float64(us) / 1000 }

func (r *run) report(w *watch, live Followed) *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.account.Unsent = int64(r.batches()) - r.done.Load()
	seconds := max(r.Now().Sub(r.start)-r.Warmup, 0).Seconds()
	out := &Report{
		Drivers: r.Drivers, Interval: r.Interval.String(), Protocol: r.Protocol, Batch: r.Batch, Connections: r.Connections,
		Seconds: seconds, Latency: map[string]float64{}, Account: r.account,
		Failures: r.failures, Problems: r.account.check(),
	}
	for _, p := range percentiles {
		out.Latency[percentileName(p)] = millis(r.latency.ValueAtPercentile(p))
	}
	const steps = 5 // from each quantile to halfway between it and 1
	for _, b := range r.latency.CumulativeDistributionWithTicks(steps) {
		out.Distribution = append(out.Distribution, Quantile{b.Quantile / 100, b.Count, millis(b.ValueAt)})
	}
	if seconds > 0 {
		out.Rate = float64(r.measured) / seconds
	}
	out.Server, out.Machine = w.server(r.Drivers, seconds), w.surroundings()
	if r.Followers > 0 {
		out.Live = &live
		if live.Lost > 0 {
			out.Problems = append(out.Problems, fmt.Sprintf("%d followers were closed", live.Lost))
		}
	}
	return out
}

// compare holds the server's own count against the verdicts that it gave.
func (r *Report) compare(before, after map[string]int64) {
	for _, v := range slices.Sorted(maps.Keys(after)) {
		if counted := after[v] - before[v]; counted != r.Account.Verdicts[v] {
			r.Problems = append(r.Problems, fmt.Sprintf(
				"the server counted %d pings as %s, and said so of %d; does somebody else send, too?", counted, v, r.Account.Verdicts[v]))
		}
	}
}

// Exceeds returns a problem if a percentile is above a bound; 0 is none.
func (r *Report) Exceeds(p float64, bound time.Duration) {
	if got := r.Latency[percentileName(p)]; bound > 0 && got > float64(bound.Microseconds())/1000 {
		r.Problems = append(r.Problems, fmt.Sprintf("%s of a batch is %.1f ms, more than %v", percentileName(p), got, bound))
	}
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("load", "%d drivers, a ping each %s, %s, batches of %d, %d connections", r.Drivers, r.Interval, r.Protocol, r.Batch, r.Connections)
	line("took", "%.0f s after the warm-up, %.0f pings/s", r.Seconds, r.Rate)
	var list []string
	for _, p := range percentiles {
		list = append(list, fmt.Sprintf("%s %.1f", percentileName(p), r.Latency[percentileName(p)]))
	}
	line("batch, ms", "%s (from when it was due)", strings.Join(list, "  "))
	if s := r.Server; s != nil {
		line("server", "%.2f µs of CPU a ping, %.2f CPUs; memory %.0f → %.0f MiB, at most %.0f: %.0f bytes a driver",
			s.CPUMicrosPerPing, s.CPUs, mib(s.RSSBegin), mib(s.RSSEnd), mib(s.RSSPeak), s.BytesPerDriver)
	}
	if m := r.Machine; m != nil {
		line("machine", "%.0f %% idle, %.0f %% taken by its host, in the worst second %.0f %%", 100*m.Idle, 100*m.Taken, 100*m.WorstSecond)
	}
	if l := r.Live; l != nil {
		line("followers", "%d, %d frames, age p50 %.0f ms, p99 %.0f ms", l.Followers, l.Frames, l.AgeP50, l.AgeP99)
	}
	line("sent", "%d new, %d repeated, %d late", r.Account.Sent[fresh], r.Account.Sent[repeat], r.Account.Sent[late])
	list = nil
	for _, v := range slices.Sorted(maps.Keys(r.Account.Verdicts)) {
		list = append(list, fmt.Sprintf("%d %s", r.Account.Verdicts[v], v))
	}
	line("verdicts", "%s", strings.Join(list, ", "))
	for _, f := range r.Failures {
		line("error", "%s", f)
	}
	for _, p := range r.Problems {
		line("PROBLEM", "%s", p)
	}
	if len(r.Problems) == 0 {
		line("account", "complete: nothing missing, nothing invented")
	}
	return t.Flush()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
