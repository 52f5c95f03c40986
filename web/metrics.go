package web

import (
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// requestMetrics counts requests and their time by route. The route is the
// pattern ("/v1/stores/:id"), so the number of series is bounded.
func requestMetrics(reg prometheus.Registerer) echo.MiddlewareFunc {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "hyperlocal_http_request_seconds",
		Help:    "Time to answer a request, by method, route and status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	}, []string{"method", "route", "status"})
	reg.MustRegister(seconds)
	type call struct {
		method, route string
		status        int
	}
	var mu sync.RWMutex
	known := map[call]prometheus.Observer{} // finding them by labels takes four times as long
	of := func(c call) prometheus.Observer {
		mu.RLock()
		o := known[c]
		mu.RUnlock()
		if o == nil {
			o = seconds.WithLabelValues(c.method, c.route, strconv.Itoa(c.status))
			mu.Lock()
			known[c] = o
			mu.Unlock()
		}
		return o
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			err := next(c)
			if err != nil {
				c.Error(err) // writes the response, so that its status is known here
			}
			of(call{c.Request().Method, c.Path(), c.Response().Status}).Observe(time.Since(start).Seconds())
			return nil
		}
	}
}
