package web

import (
	"github.com/labstack/echo/v4"

	"hyperlocal/web/api"
)

// markDegraded repeats in a header what the body of an answer says: that it was
// given without the engine. A proxy sees it there, and keeps no such answer.
func markDegraded(next api.StrictHandlerFunc, _ string) api.StrictHandlerFunc {
	return func(c echo.Context, request any) (any, error) {
		answer, err := next(c, request)
		if isDegraded(answer) {
			h := c.Response().Header()
			h.Set("Hyperlocal-Degraded", "engine")
			h.Set("Cache-Control", "no-store")
		}
		return answer, err
	}
}

func isDegraded(answer any) bool {
	switch a := answer.(type) {
	case api.ListStores200JSONResponse:
		return a.Degraded
	case api.GetStore200JSONResponse:
		return a.Degraded
	case api.GetOrder200JSONResponse:
		return a.Degraded
	case api.PostOrder201JSONResponse:
		return a.Degraded
	case api.PostOrderStatus200JSONResponse:
		return a.Degraded
	}
	return false
}
