package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/bytedance/sonic"
	"github.com/labstack/echo/v4"
	"github.com/redis/rueidis"
)

type ping struct {
	DriverID string  `json:"driver_id"`
	Lat      float64 `json:"lat"`
	Lon      float64 `json:"lon"`
	TS       int64   `json:"ts"`
	Accuracy float64 `json:"accuracy_m"`
	Speed    float64 `json:"speed_mps"`
	Bearing  float64 `json:"bearing_deg"`
}

// instead serves what is measured instead of the server: an echo handler that decodes
// pings with sonic and forgets them, or, with a Redis, glue.
func instead(ctx context.Context, o options) error {
	use := func(context.Context, []ping) error { return nil }
	if !o.bare {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{o.glue}, DisableCache: true})
		if err != nil {
			return err
		}
		defer client.Close()
		use = func(ctx context.Context, pings []ping) error { return glue(ctx, client, pings) }
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/readyz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	e.POST("/v1/locations", func(c echo.Context) error {
		var pings []ping
		if err := sonic.ConfigDefault.NewDecoder(c.Request().Body).Decode(&pings); err != nil {
			return err
		}
		if err := use(c.Request().Context(), pings); err != nil {
			return err
		}
		return c.JSONBlob(http.StatusOK, fmt.Appendf(nil, `{"verdicts":{"accepted":%d}}`, len(pings)))
	})
	stop := context.AfterFunc(ctx, func() { _ = e.Close() }) // the listener closing is the wish
	defer stop()
	if err := e.Start(o.serve); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// glue is what a team would put together: three commands a ping, pipelined to a Redis
// server. It decides nothing: no verdicts, no zones, no history.
func glue(ctx context.Context, client rueidis.Client, pings []ping) error {
	cmds := make(rueidis.Commands, 0, 3*len(pings))
	for i := range pings {
		p := &pings[i]
		ts := strconv.FormatInt(p.TS, 10)
		cmds = append(cmds,
			client.B().Geoadd().Key("drivers:all").LongitudeLatitudeMember().LongitudeLatitudeMember(p.Lon, p.Lat, p.DriverID).Build(),
			client.B().Zadd().Key("drivers:seen").ScoreMember().ScoreMember(float64(p.TS), p.DriverID).Build(),
			client.B().Hset().Key("driver:"+p.DriverID).FieldValue().
				FieldValue("lat", strconv.FormatFloat(p.Lat, 'f', 6, 64)).
				FieldValue("lon", strconv.FormatFloat(p.Lon, 'f', 6, 64)).
				FieldValue("ts", ts).
				FieldValue("speed", strconv.FormatFloat(p.Speed, 'f', 1, 64)).Build())
	}
	for _, r := range client.DoMulti(ctx, cmds...) {
		if err := r.Error(); err != nil {
			return err
		}
	}
	return nil
}
