package main

import (
	"context"

	"github.com/labstack/echo/v4"

	"hyperlocal/geo"
)

func (c config) zones() (*geo.Zones, error) { return openZones(c.Zones) }

func prepareDemo(ctx context.Context, c config, p *parts) (func(*echo.Echo), func(ctx context.Context, url string), error) {
	return nil, nil, nil
}
