package openloop

import (
	"fmt"
	"time"

	"hyperlocal/internal/procstat"
)

// watch samples the server's processes, and the machine about it, once a second after
// the warm-up.
type watch struct {
	pids    []int
	samples int

	began, ended      time.Duration // CPU time at the first and the last sample
	pings, last       int64         // answered by then
	rss, peak, newest int64         // bytes: at the first sample, at most, at the last

	first, latest procstat.Machine
	worstSteal    float64
}

func newWatch(pids []int) (*watch, error) {
	if _, err := procstat.CPU(pids...); err != nil {
		return nil, fmt.Errorf("the server's process: %w", err)
	}
	return &watch{pids: pids}, nil
}

func (w *watch) sample(pings int64) {
	if now, err := procstat.Now(); err == nil { // no machine in the report otherwise
		w.machine(now)
	}
	if len(w.pids) == 0 {
		return
	}
	cpu, err := procstat.CPU(w.pids...)
	if err != nil {
		return // it is gone; the requests tell
	}
	rss := int64(0)
	for _, pid := range w.pids {
		n, _ := procstat.Resident(pid) // as above
		rss += n
	}
	if w.samples == 0 {
		w.began, w.pings, w.rss = cpu, pings, rss
	}
	w.samples++
	w.ended, w.last, w.newest, w.peak = cpu, pings, rss, max(w.peak, rss)
}

func (w *watch) machine(now procstat.Machine) {
	if w.first == (procstat.Machine{}) {
		w.first = now
	} else if s := partsOf(now.Sub(w.latest)); s != nil {
		w.worstSteal = max(w.worstSteal, s.Taken)
	}
	w.latest = now
}

// Machine is what became of the processors' time after the warm-up, in parts of 1.
// What its host takes is missing to the server and to the load alike: a latency from
// such a second says more about the host than about the server.
type Machine struct {
	Idle        float64 `json:"idle"`
	Taken       float64 `json:"taken_by_host"`
	WorstSecond float64 `json:"taken_by_host_worst_second"`
}

// partsOf is nil if no time has passed.
func partsOf(m procstat.Machine) *Machine {
	if m.Total() <= 0 {
		return nil
	}
	part := func(d time.Duration) float64 { return d.Seconds() / m.Total().Seconds() }
	return &Machine{Idle: part(m.Idle), Taken: part(m.Steal)}
}

// server is nil if too little was seen.
func (w *watch) server(drivers int, seconds float64) *Server {
	if w.last <= w.pings {
		return nil
	}
	used := w.ended - w.began
	return &Server{
		CPUMicrosPerPing: float64(used.Microseconds()) / float64(w.last-w.pings),
		CPUs:             used.Seconds() / max(seconds, 1),
		RSSBegin:         w.rss, RSSEnd: w.newest, RSSPeak: w.peak, BytesPerDriver: float64(w.peak) / float64(drivers),
	}
}

// surroundings is nil if too little was seen.
func (w *watch) surroundings() *Machine {
	m := partsOf(w.latest.Sub(w.first))
	if m != nil {
		m.WorstSecond = w.worstSteal
	}
	return m
}
