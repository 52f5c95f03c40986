package ingest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"hyperlocal/problem"
)

const knots = 1852.0 / 3600

// errNoDevice is a request that says nothing of who sends it.
var errNoDevice = errors.New("is missing")

// OsmAnd serves GET and POST /v1/osmand: what Traccar Client sends, as parameters
// of the query or of a form, or from version 9 as JSON. The description is at
// https://www.traccar.org/osmand/. A bad position has status 200, because the app
// sends what is refused again before all that came later.
func (h *Handler) OsmAnd(c echo.Context) error {
	w := h.work.Get().(*work)
	defer h.putBack(w)
	r := c.Request()
	if err := h.readBody(r, w); err != nil {
		return err
	}
	var err error
	if body := bytes.TrimSpace(w.body); len(body) > 0 && body[0] == '{' {
		w.pings, err = decodeOsmAndJSON(w.pings[:0], body, h.opt.MaxPings)
	} else {
		w.pings, err = h.decodeOsmAndForm(w.pings[:0], r.URL.RawQuery, string(body))
	}
	switch {
	case errors.Is(err, errNoDevice):
		return problem.Invalid.WithField("id", err.Error())
	case errors.Is(err, ErrTooMany):
		return problem.TooLarge.WithField("body", tooMany(h.opt.MaxPings))
	case err != nil:
		return problem.Invalid.WithField("body", err.Error())
	}
	if err := h.take(c, w); err != nil {
		return err
	}
	return h.send(c, w)
}

// decodeOsmAndForm appends the ping of a request's parameters, if they have a
// position. Without a time it is of now.
func (h *Handler) decodeOsmAndForm(pings []Ping, query, form string) ([]Ping, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return pings, errors.New("is no query of parameters")
	}
	more, err := url.ParseQuery(form)
	if err != nil {
		return pings, errors.New("is no form of parameters")
	}
	first := func(names ...string) string {
		for _, name := range names {
			if v := cmp.Or(values.Get(name), more.Get(name)); v != "" {
				return v
			}
		}
		return ""
	}
	r := report{
		driverID: first("id", "deviceid", "device_id"),
		lat:      []byte(first("lat")), lon: []byte(first("lon")),
		ts:        []byte(first("timestamp")),
		accuracyM: []byte(first("accuracy")), speed: []byte(first("speed")), bearingDeg: []byte(first("bearing", "heading")),
		batteryOf: []byte(first("batt")), speedUnit: knots, batteryFull: percent,
		mock: isTrue(first("mock")),
	}
	if r.driverID == "" {
		return pings, errNoDevice
	}
	if lat, lon, ok := strings.Cut(first("location"), ","); ok {
		r.lat, r.lon = []byte(lat), []byte(lon)
	}
	if len(r.lat) == 0 && len(r.lon) == 0 { // an alarm, or the cells that the phone sees
		return pings, nil
	}
	if len(r.ts) == 0 {
		r.ts = strconv.AppendInt(nil, h.opt.Now().UnixMilli(), 10)
	}
	if valid := first("valid"); valid != "" && !isTrue(valid) {
		return append(pings, fault("valid", "the phone says that the position is not valid")), nil
	}
	return append(pings, r.ping()), nil
}

func isTrue(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

// osmAndJSON is what counts of a message of Traccar Client 9 and later.
type osmAndJSON struct {
	Location json.RawMessage `json:"location"` // one, or an array of them
	DeviceID json.RawMessage `json:"device_id"`
}

type osmAndLocation struct {
	Timestamp json.RawMessage `json:"timestamp"`
	Coords    struct {
		Latitude  json.RawMessage `json:"latitude"`
		Longitude json.RawMessage `json:"longitude"`
		Accuracy  json.RawMessage `json:"accuracy"` // m
		Speed     json.RawMessage `json:"speed"`    // m/s
		Heading   json.RawMessage `json:"heading"`  // degrees
	} `json:"coords"`
	Mock    json.RawMessage `json:"mock"`
	Battery struct {
		Level json.RawMessage `json:"level"` // 0 to 1
	} `json:"battery"`
}

// decodeOsmAndJSON appends the pings of a message, at most max.
func decodeOsmAndJSON(pings []Ping, body []byte, max int) ([]Ping, error) {
	var m osmAndJSON
	if json.Unmarshal(body, &m) != nil {
		return pings, errBroken
	}
	driver := text(m.DeviceID)
	if driver == "" {
		return pings, errNoDevice
	}
	if absent(m.Location) {
		return pings, nil
	}
	locations := []json.RawMessage{m.Location}
	if m.Location[0] == '[' && json.Unmarshal(m.Location, &locations) != nil {
		return pings, errBroken
	}
	if len(locations) > max {
		return pings, errTooMany
	}
	for _, l := range locations {
		pings = append(pings, decodeOsmAndLocation(l, driver))
	}
	return pings, nil
}

func decodeOsmAndLocation(element []byte, driver string) Ping {
	var l osmAndLocation
	if json.Unmarshal(element, &l) != nil {
		return fault("", "is not a location")
	}
	r := report{
		driverID: driver, lat: l.Coords.Latitude, lon: l.Coords.Longitude, ts: l.Timestamp,
		accuracyM: l.Coords.Accuracy, speed: l.Coords.Speed, bearingDeg: l.Coords.Heading, batteryOf: l.Battery.Level,
		speedUnit: 1, batteryFull: 1, mock: string(l.Mock) == "true",
	}
	return r.ping()
}
