package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"hyperlocal/cache"
	"hyperlocal/geo"
)

// newMetrics registers what the parts count, read when /metrics is asked.
func newMetrics(p *parts) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	for v := range geo.NumVerdicts {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "hyperlocal_pings_total",
			Help:        "Pings received, by verdict. Those that were waiting are counted once more when they have another.",
			ConstLabels: prometheus.Labels{"verdict": geo.Verdict(v).String()},
		}, func() float64 { return float64(p.ingest.Counts()[v]) }))
	}
	counter := func(name, help string, value func() int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "hyperlocal_" + name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hyperlocal_" + name, Help: help}, value))
	}

	counter("pings_mock_total", "Pings of which the phone said that an app made the position up; they are judged as all others.", p.ingest.Mocks)
	counter("ping_requests_refused_total", "Requests with pings refused as a whole: too many with one token or from one address, which are limited pings, too, or too much being taken in at once.", p.ingest.Refused)
	gauge("pings_waiting_bytes", "Pings in memory that wait for the engine to answer.", func() float64 { return float64(p.waiting.Bytes()) })
	if e, ok := p.engine.(interface{ Outages() (bool, int64) }); ok {
		gauge("engine_out", "1 while the engine does not answer and callers are refused at once.", func() float64 {
			if out, _ := e.Outages(); out {
				return 1
			}
			return 0
		})
		counter("engine_outages_total", "Times that the engine stopped answering.", func() int64 { _, n := e.Outages(); return n })
	}

	counter("zone_reloads_total", "Times that the zone file was read again.", p.zones.reloads.Load)
	counter("zone_reload_failures_total", "Times that it could not be used, and the zones stayed as they were.", p.zones.fails.Load)

	counter("flush_rows_total", "Track rows written to the database.", func() int64 { return p.flusher.Stats().Rows })
	counter("flush_fixes_total", "Fixes in those rows: fixes divided by rows is the write reduction.", func() int64 { return p.flusher.Stats().Fixes })
	counter("flush_failures_total", "Turns of a zone whose rows could not be written; they are tried again.", func() int64 { return p.flusher.Stats().Failures })
	gauge("flush_lag_seconds", "How long the oldest closed bucket that was not written at its turn has waited; 0 if there is none.",
		func() float64 { return p.flusher.Stats().Lag.Seconds() })
	gauge("flush_last_success_timestamp_seconds", "When rows were last written; 0 for never.", func() float64 {
		if last := p.flusher.Stats().LastSuccess; !last.IsZero() {
			return float64(last.UnixMilli()) / 1000
		}
		return 0
	})

	gauge("flush_write_reduction", "Fixes for each row written, since the start.", func() float64 { return p.flusher.Stats().Reduction() })
	gauge("flush_waiting_bytes", "Closed buckets in the engine that wait for a database that does not keep up.",
		func() float64 { return float64(p.flusher.Stats().WaitingBytes) })
	gauge("flush_spill_bytes", "Spill files with buckets that wait for the database.", func() float64 { return float64(p.flusher.Stats().SpillBytes) })
	gauge("flush_spill_damaged_files", "Spill files that are damaged and kept as ….damaged, for somebody to look at.",
		func() float64 { return float64(p.flusher.Stats().SpillDamaged) })
	counter("flush_spilled_rows_total", "Rows that went through spill files.", func() int64 { return p.flusher.Stats().Spilled })
	counter("flush_set_aside_rows_total", "Rows that the database refused; see refused/tracks.jsonl in the data folder.",
		func() int64 { return p.flusher.Stats().SetAside })
	counter("tracks_pruned_rows_total", "Track rows removed because they were older than --track-retention; Cassandra removes its own.", p.pruner.rows.Load)
	counter("movements_drained_total", "Stock movements written to the ledger.", func() int64 { return p.inventory.Stats().Drained })
	counter("movements_drain_failures_total", "Times that stock movements could not be written; they are tried again.",
		func() int64 { return p.inventory.Stats().DrainFailures })
	counter("movements_set_aside_total", "Stock movements and reservations that the database refused; see refused/movements.jsonl in the data folder.",
		func() int64 { return p.inventory.Stats().SetAside })
	counter("reservations_expired_total", "Reservations given back because their time was up.", func() int64 { return p.inventory.Stats().Expired })
	gauge("movements_lag_seconds", "Age of the oldest stock movement that waits for the ledger.",
		func() float64 { return p.inventory.Stats().DrainLag.Seconds() })
	counter("orders_drained_total", "States of orders written to the database.", func() int64 { return p.orders.Stats().Drained })
	counter("orders_drain_failures_total", "Times that orders could not be written; they are tried again.",
		func() int64 { return p.orders.Stats().DrainFailures })
	counter("orders_set_aside_total", "Times that the database refused an order; see refused/orders.jsonl in the data folder.",
		func() int64 { return p.orders.Stats().SetAside })
	gauge("orders_lag_seconds", "Age of the oldest change of an order that waits for the database.",
		func() float64 { return p.orders.Stats().DrainLag.Seconds() })

	if s, ok := p.store.(interface{ InFlight() int }); ok {
		gauge("store_in_flight_limit", "Batches that may be on their way to Cassandra at a time: fewer while it is slow.",
			func() float64 { return float64(s.InFlight()) })
	}
	gauge("streams", "Open WebSockets that send pings.", func() float64 { return float64(p.streams.Open()) })
	fenceMetrics(reg, p.fences)

	gauge("subscribers", "Open WebSockets and event streams.", func() float64 { return float64(p.hub.Stats().Clients) })
	gauge("topics", "Topics that somebody follows.", func() float64 { return float64(p.hub.Stats().Topics) })
	counter("live_frames_total", "Frames sent to followers.", func() int64 { return p.hub.Stats().FramesSent })
	counter("live_conflated_total", "Positions replaced by newer ones before a slow follower took them.", func() int64 { return p.hub.Stats().Conflated })
	counter("live_closed_slow_total", "Followers closed because they did not keep up.", func() int64 { return p.hub.Stats().ClosedSlow })

	reg.MustRegister(engineStats{p})
	return reg
}

// engineStats asks the engine once for all of its figures.
type engineStats struct{ parts *parts }

// engineFigure is one thing that /metrics says of the engine.
type engineFigure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(cache.Stats) int64
}

func newEngineFigure(name, help string, kind prometheus.ValueType, value func(cache.Stats) int64) engineFigure {
	return engineFigure{prometheus.NewDesc("hyperlocal_engine_"+name, help, nil, nil), kind, value}
}

var engineFigures = []engineFigure{
	newEngineFigure("keys", "Keys in the engine.", prometheus.GaugeValue, func(s cache.Stats) int64 { return s.Keys }),
	newEngineFigure("bytes", "Bytes of memory that the engine attributes to its data.", prometheus.GaugeValue, func(s cache.Stats) int64 { return s.Bytes }),
	newEngineFigure("hits_total", "Reads of a key that was there.", prometheus.CounterValue, func(s cache.Stats) int64 { return s.Hits }),
	newEngineFigure("misses_total", "Reads of a key that was not there.", prometheus.CounterValue, func(s cache.Stats) int64 { return s.Misses }),
	newEngineFigure("expired_total", "Keys that outlived their time to live.", prometheus.CounterValue, func(s cache.Stats) int64 { return s.Expired }),
	newEngineFigure("evicted_total", "Keys that went to make room.", prometheus.CounterValue, func(s cache.Stats) int64 { return s.Evicted }),
}

// Describe implements prometheus.Collector.
func (engineStats) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range engineFigures {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector. Of an engine that does not answer
// the samples are missing.
func (e engineStats) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := e.parts.engine.Stats(ctx)
	if err != nil {
		return
	}
	for _, f := range engineFigures {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, float64(f.value(s)))
	}
}
