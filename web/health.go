package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/web/api"
)

// checkTimeout bounds /readyz: a part that does not answer within it counts
// as not working, which is what a load balancer wants to know.
const checkTimeout = 2 * time.Second

func healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, api.Health{Status: api.HealthStatusOk, Checks: map[string]string{}})
}

// readyz asks every part at once. A server that can still do a part of its work
// is ready for it: all servers share the engine, and if each of them sent its
// traffic away, nobody would get even that part.
func readyz(checks map[string]Check) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), checkTimeout)
		defer cancel()

		answers := make(map[string]string, len(checks))
		var mu sync.Mutex
		var wg sync.WaitGroup
		for name, check := range checks {
			wg.Go(func() {
				answer := "ok"
				if err := check(ctx); err != nil {
					answer = err.Error()
				}
				mu.Lock()
				defer mu.Unlock()
				answers[name] = answer
			})
		}
		wg.Wait()

		gone := 0
		for _, a := range answers {
			if a != "ok" {
				gone++
			}
		}
		status, health := http.StatusOK, api.HealthStatusOk
		if gone > 0 {
			health = api.HealthStatusDegraded
		}
		if gone == len(checks) {
			status = http.StatusServiceUnavailable
		}
		return c.JSON(status, api.Health{Status: health, Checks: answers})
	}
}
