package openloop

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The messages of other makers' apps have their units.
func TestApps(t *testing.T) {
	p := countryPlan(t, OsmAnd)
	p.Batch, p.groups = 3, p.Drivers/3
	want := p.fix(16, 5, 0)
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return v
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(string(newBody(p).fill(5))), "\n") }
	q, err := url.ParseQuery(lines()[1])
	require.NoError(t, err)
	require.Equal(t, p.id(16), q.Get("id"))
	require.InDelta(t, float64(want.latE7)/1e7, number(q.Get("lat")), 1e-9)
	require.InDelta(t, float64(want.lonE7)/1e7, number(q.Get("lon")), 1e-9)
	require.Equal(t, strconv.FormatInt(want.ts, 10), q.Get("timestamp"))
	require.InDelta(t, float64(want.speedCMPS)/100, number(q.Get("speed"))*1852/3600, 0.01)

	p.Protocol = OwnTracks
	require.Len(t, lines(), 3)
	var m struct {
		Type          string `json:"_type"`
		Topic         string
		Lat, Lon, Vel float64
		TST           int64
	}
	require.NoError(t, json.Unmarshal([]byte(lines()[1]), &m))
	require.Equal(t, "location", m.Type)
	require.Equal(t, "owntracks/"+p.id(16)+"/phone", m.Topic)
	require.InDelta(t, float64(want.latE7)/1e7, m.Lat, 1e-9)
	require.InDelta(t, float64(want.lonE7)/1e7, m.Lon, 1e-9)
	require.Equal(t, want.ts, m.TST)
	require.InDelta(t, float64(want.speedCMPS)/100, m.Vel/3.6, 0.01)
}

// An app's answer without a verdict is no verdict.
func TestAppsNeedVerdicts(t *testing.T) {
	r := load(t, &liar{answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte("[]")) }}, func(c *Config) { c.Protocol = OwnTracks })
	require.Positive(t, r.Account.Errors)
	require.Contains(t, r.Failures[0], "answers have no verdict")
}
