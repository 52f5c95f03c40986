package web

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"hyperlocal/problem"
)

var (
	errNoAdmin    = problem.New(http.StatusForbidden, "no-admin", "Administration over HTTP is off").WithDetail("start the server with --admin-token")
	errAdminToken = problem.New(http.StatusUnauthorized, "unauthorized", "The admin token is missing or wrong").WithField("Authorization", "must be Bearer and the admin token")
	errZoneFile   = problem.New(http.StatusUnprocessableEntity, "zone-file", "The zone file cannot be used; the zones stay as they were")
)

// admin lets only those in who have the token. Without a token nobody is.
func admin(token string, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if token == "" {
			return errNoAdmin
		}
		given, ok := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			return errAdminToken
		}
		return next(c)
	}
}

func (s *server) reloadZones(c echo.Context) error {
	n, err := s.Zones.Reload(c.Request().Context())
	if err != nil {
		return errZoneFile.WithDetail("%v", err)
	}
	return c.JSON(http.StatusOK, map[string]int{"zones": n})
}
