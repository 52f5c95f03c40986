package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"hyperlocal/demo"
	"hyperlocal/geo"
	"hyperlocal/inventory"
	"hyperlocal/persist"
)

// openZones reads the zone file, or in the demo, unless another is given, the
// demo's city.
func openZones(c config) (*geo.Zones, error) {
	if c.Zones == "" && c.Demo {
		wards, err := demo.Zones()
		if err != nil {
			return nil, err
		}
		return geo.LoadZones(bytes.NewReader(wards))
	}
	return readZones(c.Zones)
}

// stockDemo fills the catalogue, the stores and their shelves. What is there
// already stays as it is, so that a restart goes on where the demo was.
func stockDemo(ctx context.Context, inv *inventory.Inventory, log *slog.Logger) error {
	c, err := inventory.ReadCatalogue(bytes.NewReader(demo.Catalogue()))
	if err != nil {
		return err
	}
	if err := inv.ImportProducts(ctx, c.Products); err != nil {
		return err
	}
	stores, err := demo.Stores()
	if err != nil {
		return err
	}
	there, err := inv.Stores(ctx)
	if err != nil {
		return err
	}
	received := 0
	for _, s := range stores {
		known := slices.ContainsFunc(there, func(d persist.DarkStore) bool { return d.ID == s.ID })
		if !known {
			if _, err := inv.PutStore(ctx, persist.DarkStore{ID: s.ID, Name: s.Name, Lat: s.Lat, Lon: s.Lon, Open: true}); err != nil {
				return err
			}
		}
		n, err := inv.StockStore(ctx, s.ID, c.Opening)
		if err != nil {
			return fmt.Errorf("stock of %s: %w", s.ID, err)
		}
		received += n
	}
	log.Info("demo: city is stocked", "stores", len(stores), "products", len(c.Products), "lines_received", received)
	return nil
}

// demoRoutes are what the map page asks of a demo beyond the public API.
func demoRoutes(d *demo.Demo) func(*echo.Echo) {
	return func(e *echo.Echo) {
		e.GET("/demo/roads.geojson", func(c echo.Context) error {
			return c.Blob(http.StatusOK, "application/geo+json", demo.Roads())
		}, middleware.Gzip())
		e.GET("/demo/order", func(c echo.Context) error {
			return c.JSON(http.StatusOK, map[string]string{"order_id": d.OrderID()})
		})
	}
}
