package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"hyperlocal/geo"
)

// newMetrics registers what the parts count, read when /metrics is asked.
func newMetrics(p *parts) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	for v := range geo.NumVerdicts {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "hyperlocal_pings_total",
			Help:        "Pings received, by verdict.",
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

	counter("flush_rows_total", "Track rows written to the database.", func() int64 { return p.flusher.Stats().Rows })
	counter("flush_fixes_total", "Fixes in those rows: fixes divided by rows is the write reduction.", func() int64 { return p.flusher.Stats().Fixes })
	counter("flush_failures_total", "Turns of a zone whose rows could not be written; they are tried again.", func() int64 { return p.flusher.Stats().Failures })
	gauge("flush_lag_seconds", "Age of the oldest closed bucket that could not be written; 0 if there is none.",
		func() float64 { return p.flusher.Stats().Lag.Seconds() })
	gauge("flush_last_success_timestamp_seconds", "When rows were last written; 0 for never.", func() float64 {
		if last := p.flusher.Stats().LastSuccess; !last.IsZero() {
			return float64(last.UnixMilli()) / 1000
		}
		return 0
	})

	counter("movements_drained_total", "Stock movements written to the ledger.", func() int64 { return p.inventory.Stats().Drained })
	counter("reservations_expired_total", "Reservations given back because their time was up.", func() int64 { return p.inventory.Stats().Expired })
	gauge("movements_lag_seconds", "Age of the oldest stock movement that waits for the ledger.",
		func() float64 { return p.inventory.Stats().DrainLag.Seconds() })
	counter("orders_drained_total", "States of orders written to the database.", func() int64 { return p.orders.Stats().Drained })
	gauge("orders_lag_seconds", "Age of the oldest change of an order that waits for the database.",
		func() float64 { return p.orders.Stats().DrainLag.Seconds() })

	gauge("subscribers", "Open WebSockets and event streams.", func() float64 { return float64(p.hub.Stats().Clients) })
	gauge("topics", "Topics that somebody follows.", func() float64 { return float64(p.hub.Stats().Topics) })
	counter("live_frames_total", "Frames sent to followers.", func() int64 { return p.hub.Stats().FramesSent })
	counter("live_conflated_total", "Positions replaced by newer ones before a slow follower took them.", func() int64 { return p.hub.Stats().Conflated })
	counter("live_closed_slow_total", "Followers closed because they did not keep up.", func() int64 { return p.hub.Stats().ClosedSlow })

	reg.MustRegister(engineSize{p})
	return reg
}

// engineSize asks the engine once for both of its figures.
type engineSize struct{ parts *parts }

var (
	engineKeys  = prometheus.NewDesc("hyperlocal_engine_keys", "Keys in the engine.", nil, nil)
	engineBytes = prometheus.NewDesc("hyperlocal_engine_bytes", "Bytes of memory that the engine attributes to its data.", nil, nil)
)

// Describe implements prometheus.Collector.
func (engineSize) Describe(ch chan<- *prometheus.Desc) {
	ch <- engineKeys
	ch <- engineBytes
}

// Collect implements prometheus.Collector. An engine that does not answer has
// no size: the samples are missing.
func (e engineSize) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := e.parts.engine.Stats(ctx)
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(engineKeys, prometheus.GaugeValue, float64(s.Keys))
	ch <- prometheus.MustNewConstMetric(engineBytes, prometheus.GaugeValue, float64(s.Bytes))
}
