package ingest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"hyperlocal/problem"
)

// ownTracks is what counts of a message of the OwnTracks apps in HTTP mode. Their
// description is at https://owntracks.org/booklet/tech/json/.
type ownTracks struct {
	Type  string          `json:"_type"`
	Lat   json.RawMessage `json:"lat"`
	Lon   json.RawMessage `json:"lon"`
	TST   json.RawMessage `json:"tst"`  // s since 1970
	Acc   json.RawMessage `json:"acc"`  // m
	Vel   json.RawMessage `json:"vel"`  // km/h
	COG   json.RawMessage `json:"cog"`  // degrees
	Batt  json.RawMessage `json:"batt"` // percent
	Topic json.RawMessage `json:"topic"`
	TID   json.RawMessage `json:"tid"`
}

// encrypted is a message that nobody here has the key of. It may well be a location,
// so it counts.
var encrypted = fault("_type", "is encrypted: leave the app's encryption key empty, and use https")

const (
	kmh     = 1 / 3.6
	percent = 100
)

// OwnTracks serves POST /v1/owntracks. Whatever is not a location is taken and
// ignored, and a bad location, too, has status 200: the apps send what is refused
// again and again. They expect a JSON array of messages for them: there are
// none, and what others are told in the body stands in headers.
func (h *Handler) OwnTracks(c echo.Context) error {
	w := h.work.Get().(*work)
	defer h.putBack(w)
	r := c.Request()
	if err := h.readBody(r, w); err != nil {
		return err
	}
	user := r.Header.Get("X-Limit-U")
	if user == "" {
		user = r.URL.Query().Get("u")
	}
	var err error
	if w.pings, err = decodeOwnTracks(w.pings[:0], w.body, user); err != nil {
		return problem.Invalid.WithField("body", err.Error())
	}
	if err := h.take(c, w); err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Hyperlocal-Server-Time-Ms", strconv.FormatInt(h.opt.Now().UnixMilli(), 10))
	for _, o := range w.outcomes {
		header.Set("Hyperlocal-Verdict", o.Verdict.String())
		if o.Detail != "" {
			header.Set("Hyperlocal-Detail", strings.TrimSpace(o.Field+" "+o.Detail))
		}
	}
	return c.JSONBlob(http.StatusOK, []byte("[]"))
}

// decodeOwnTracks appends the ping of a message, if it is one of a location. The
// driver is user, or else the user in the message's topic, or else its tracker id.
func decodeOwnTracks(pings []Ping, body []byte, user string) ([]Ping, error) {
	if len(bytes.TrimSpace(body)) == 0 { // a friend was removed
		return pings, nil
	}
	var m ownTracks
	if err := json.Unmarshal(body, &m); err != nil {
		return pings, errBroken
	}
	switch m.Type {
	case "location":
	case "encrypted":
		return append(pings, encrypted), nil
	default:
		return pings, nil
	}
	r := report{
		driverID: user, lat: m.Lat, lon: m.Lon, ts: m.TST,
		accuracyM: m.Acc, speed: m.Vel, bearingDeg: m.COG, batteryOf: m.Batt,
		speedUnit: kmh, batteryFull: percent,
	}
	if r.driverID == "" {
		r.driverID = topicUser(text(m.Topic))
	}
	if r.driverID == "" {
		r.driverID = text(m.TID)
	}
	return append(pings, r.ping()), nil
}

// topicUser is USER of the topic owntracks/USER/DEVICE, or "".
func topicUser(topic string) string {
	parts := strings.Split(strings.Trim(topic, "/"), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// text is a JSON string or number as text, or "" for anything else.
func text(raw json.RawMessage) string {
	if len(raw) > 0 && raw[0] == '"' {
		s, _ := unescape(raw)
		return s
	}
	if len(raw) > 0 && decimal(raw) {
		return string(raw)
	}
	return ""
}
