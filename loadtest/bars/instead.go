package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/bytedance/sonic"
	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/redis/rueidis"

	"hyperlocal/ingest/pingpb"
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

// instead is what is measured instead of the server: as little as can be done with a
// ping. It takes all for accepted, so that a load's account is complete.
type instead struct {
	use      func(context.Context, []ping) error // a request's pings
	accepted atomic.Int64
}

// serveInstead serves an echo handler that decodes pings with sonic and forgets them
// or, with a Redis, glue; and a gorilla loop that reads frames and does nothing.
func serveInstead(ctx context.Context, addr, redis string) error {
	s := &instead{use: func(context.Context, []ping) error { return nil }}
	if redis != "" {
		client, err := newGlue(redis)
		if err != nil {
			return err
		}
		defer client.Close()
		s.use = func(ctx context.Context, pings []ping) error { return glue(ctx, client, pings) }
	}
	e := s.handler()
	stop := context.AfterFunc(ctx, func() { _ = e.Close() }) // the listener closing is the wish
	defer stop()
	if err := e.Start(addr); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *instead) handler() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/readyz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	e.GET("/metrics", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprintf("hyperlocal_pings_total{verdict=\"accepted\"} %d\n", s.accepted.Load()))
	})
	e.POST("/v1/locations", s.take)
	e.GET("/v1/stream", s.read)
	return e
}

func (s *instead) take(c echo.Context) error {
	var pings []ping
	if err := sonic.ConfigDefault.NewDecoder(c.Request().Body).Decode(&pings); err != nil {
		return err
	}
	if err := s.use(c.Request().Context(), pings); err != nil {
		return err
	}
	s.accepted.Add(int64(len(pings)))
	return c.JSONBlob(http.StatusOK, fmt.Appendf(nil, `{"verdicts":{"accepted":%d}}`, len(pings)))
}

// read reads frames until the connection ends. One without content asks how many
// there were: as seldom as a stream's client asks for an acknowledgement.
func (s *instead) read(c echo.Context) error {
	conn, err := (&websocket.Upgrader{}).Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	for frames := 0; ; {
		typ, frame, err := conn.ReadMessage()
		if err != nil {
			return nil // the client has gone: there is nobody to tell
		}
		if len(frame) > 0 {
			frames++
			continue
		}
		answer := fmt.Appendf(nil, `{"verdicts":{"accepted":%d}}`, frames)
		if typ == websocket.BinaryMessage {
			a := pingpb.Answer{Verdicts: map[string]uint32{"accepted": uint32(frames)}}
			answer = a.Append(nil)
		}
		s.accepted.Add(int64(frames))
		frames = 0
		if err := conn.WriteMessage(typ, answer); err != nil {
			return nil // as above
		}
	}
}

func newGlue(redis string) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redis}, DisableCache: true})
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
