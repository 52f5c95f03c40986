// Package web is the HTTP surface: the calls of openapi.yaml over the domain
// packages, the live map page, and the operational endpoints. Requests are
// validated against the same document that is served at /openapi.yaml, except
// the bodies of pings, which get a verdict each in package ingest.
//
// Handlers return errors; they become problem documents in one place
// (errors.go). Nothing here keeps state of its own, so any number of requests
// run at once.
package web

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hyperlocal/problem"
	"hyperlocal/web/api"
)

// Spec is the OpenAPI document.
//
//go:embed openapi.yaml
var Spec []byte

// pingPaths are the calls whose bodies are neither bounded nor validated here: the
// ingest handler does both, without the cost of it for every ping.
var pingPaths = []string{"/v1/locations", "/v1/owntracks", "/v1/osmand"}

// maxBody bounds the body of every call but pings, whose package has a bound
// of its own. The largest legitimate one, 500 movement lines, takes 60 KB.
const maxBody = "1M"

// Check asks a part of the server whether it can do its work.
type Check func(ctx context.Context) error

// Options is what the HTTP surface is made of. All but Extra are needed.
type Options struct {
	Fleet     Fleet
	Tracks    Tracks
	Zones     Zones
	Inventory Inventory
	Catalogue Catalogue
	Orders    Orders
	Fences    Fences

	// Pings adds the calls that take pings by HTTP, pingPaths, and Stream takes
	// them over a WebSocket; Live and OrderEvents push.
	Pings       func(*echo.Echo)
	Stream      echo.HandlerFunc
	Live        echo.HandlerFunc
	OrderEvents echo.HandlerFunc

	// Page serves everything else: the map and its files.
	Page http.Handler

	// AdminToken lets its bearer administrate; empty: nobody.
	AdminToken string

	// Checks make up /readyz, by the name of the part.
	Checks  map[string]Check
	Metrics *prometheus.Registry
	Logger  *slog.Logger
	Now     func() time.Time

	// Extra adds routes outside the OpenAPI document, such as the demo's.
	Extra func(*echo.Echo)
}

// New builds the handler of the whole surface.
func New(o Options) (http.Handler, error) {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = errorHandler(o.Logger)

	validate, err := newValidator(Spec, pingPaths)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	limit := middleware.BodyLimitWithConfig(middleware.BodyLimitConfig{
		Limit:   maxBody,
		Skipper: func(c echo.Context) bool { return slices.Contains(pingPaths, c.Path()) },
	})
	e.Use(recoverPanics(o.Logger), requestMetrics(o.Metrics), limit, validate)

	degraded := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hyperlocal_degraded_answers_total",
		Help: "Answers from the database because the engine did not answer.",
	})
	o.Metrics.MustRegister(degraded)
	s := &server{o, degraded}
	api.RegisterHandlers(e, api.NewStrictHandler(s, []api.StrictMiddlewareFunc{markDegraded}))
	e.POST("/v1/admin/zones/reload", admin(o.AdminToken, s.reloadZones))
	e.GET("/v1/orders/:id/events", o.OrderEvents)
	e.GET("/v1/zones.geojson", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/geo+json", o.Zones.GeoJSON())
	}, middleware.Gzip())

	o.Pings(e)
	e.GET("/v1/stream", o.Stream)
	e.GET("/v1/live", o.Live)
	e.GET("/healthz", healthz)
	e.GET("/readyz", readyz(o.Checks))
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{})))
	e.GET("/openapi.yaml", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/yaml", Spec)
	})
	e.GET("/*", echo.WrapHandler(o.Page))
	if o.Extra != nil {
		o.Extra(e)
	}
	return e, nil
}

// server implements the generated interface; its methods stand in the files
// of their topics. What a part that is gone would have answered comes from another
// that can, and says so (degraded).
type server struct {
	Options
	degraded prometheus.Counter
}

var _ api.StrictServerInterface = (*server)(nil)

// recoverPanics answers 500 to the request at fault and keeps the others.
func recoverPanics(log *slog.Logger) echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			log.Error("handler panicked", "method", c.Request().Method, "path", c.Path(), "err", err, "stack", string(stack))
			return problem.Internal
		},
	})
}

// errorHandler turns whatever a handler returned into a problem document.
func errorHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		p := asProblem(err)
		if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
			log.Warn("request failed", "method", c.Request().Method, "path", c.Path(), "status", p.Status, "err", err)
		}
		problem.Write(c.Response(), p)
	}
}
