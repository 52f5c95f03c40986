package ingest

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
)

const good = `{"driver_id":"d1","lat":12.97,"lon":77.59,"ts":1700000000000}`

var goodFix = geo.Fix{
	DriverID: "d1", Lat: 12.97, Lon: 77.59, TS: 1_700_000_000_000,
	AccuracyM: geo.Unknown, SpeedMPS: geo.Unknown, BearingDeg: geo.Unknown, Battery: geo.Unknown,
}

func decode(t testing.TB, body string, lines bool) []Ping {
	t.Helper()
	pings, err := Decode(nil, []byte(body), lines, 1000)
	require.NoError(t, err)
	return pings
}

func TestDecodeForms(t *testing.T) {
	ok := Ping{Fix: goodFix, OK: true}
	for _, c := range []struct {
		name, body string
		lines      bool
		want       []Ping
	}{
		{"one", good, false, []Ping{ok}},
		{"one over several lines", strings.ReplaceAll(" "+good+"\n", ",", ",\n  "), false, []Ping{ok}},
		{"array", "[" + good + " , " + good + "]\n", false, []Ping{ok, ok}},
		{"empty array", " [ ] ", false, nil},
		{"lines", good + "\n\r\n" + good, true, []Ping{ok, ok}},
		{"undeclared lines", good + "\n" + good + "\n", false, []Ping{ok, ok}},
		{"one declared as lines", good, true, []Ping{ok}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, decode(t, c.body, c.lines)) })
	}
}

func TestDecodeFields(t *testing.T) {
	full := `{"battery":0.5,"bearing_deg":271.5,"speed_mps":8.25,"accuracy_m":4.5,"ts":"2023-11-15T03:43:20.5+05:30",
		"lon":-77.59e0,"lat":-1.297E1,"driver_id":"d\u00e9\"[{,1","unknown":{"lat":[1,{"a":"]"}]}}`
	require.Equal(t, []Ping{{OK: true, Fix: geo.Fix{
		DriverID: `dé"[{,1`, Lat: -12.97, Lon: -77.59, TS: 1_700_000_000_500,
		AccuracyM: 4.5, SpeedMPS: 8.25, BearingDeg: 271.5, Battery: 0.5,
	}}}, decode(t, full, false))

	with := func(field, value string) string {
		m := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal([]byte(good), &m))
		if m[field] = json.RawMessage(value); value == "" {
			delete(m, field)
		}
		parts := []string{}
		for k, v := range m {
			parts = append(parts, `"`+k+`":`+string(v))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	for _, c := range []struct{ field, value, detail string }{
		{"driver_id", "", missing},
		{"driver_id", "null", missing},
		{"driver_id", "42", "must be a string"},
		{"lat", "", missing},
		{"lat", `"12.97"`, notNumber},
		{"lat", "true", notNumber},
		{"lat", "{}", notNumber},
		{"lat", "1e999", notInRange},
		{"lat", "NaN", notNumber},
		{"lon", "Infinity", notNumber},
		{"lat", "0x1p4", notNumber},
		{"lat", "1-2", notNumber},
		{"lat", "12 13", notJSON},
		{"lon", "[77.59]", notNumber},
		{"ts", "", missing},
		{"ts", `"yesterday"`, notTime},
		{"ts", "1e300", notTime},
		{"ts", "false", notTime},
		{"accuracy_m", `"5"`, notNumber},
		{"speed_mps", "1e200", notInRange},
		{"bearing_deg", "{}", notNumber},
		{"battery", `"full"`, notNumber},
	} {
		t.Run(c.field+" "+c.value, func(t *testing.T) {
			pings := decode(t, "["+good+","+with(c.field, c.value)+","+good+"]", false)
			require.Equal(t, []Ping{
				{Fix: goodFix, OK: true},
				{Fault: geo.Outcome{Verdict: geo.Invalid, Field: c.field, Detail: c.detail}},
				{Fix: goodFix, OK: true},
			}, pings)
		})
	}
	for _, c := range []struct{ field, value string }{{"speed_mps", "null"}, {"ts", "1.7e12"}, {"ts", "1700000000000.75"}, {"ts", `"2023-11-14T22:13:20Z"`}} {
		require.Equal(t, []Ping{{Fix: goodFix, OK: true}}, decode(t, with(c.field, c.value), false), "%s %s", c.field, c.value)
	}
}

// A broken element costs the others nothing.
func TestDecodeBrokenElements(t *testing.T) {
	for _, broken := range []string{`1`, `"x"`, `null`, `[]`, `{`, `{"lat":12.9 "lon":1}`, `{"driver_id":"\ud8"}`, `x`, ``} {
		for _, lines := range []bool{true, false} {
			body := "[" + good + "," + broken + "," + good + "]"
			if lines {
				body = good + "\n" + broken + "\n" + good
			}
			pings, err := Decode(nil, []byte(body), lines, 10)
			if broken == "{" && !lines {
				require.ErrorIs(t, err, errUnclosed)
				continue
			}
			require.NoError(t, err)
			if broken == "" && lines {
				require.Len(t, pings, 2, "a blank line is none")
				continue
			}
			require.Len(t, pings, 3, body)
			require.False(t, pings[1].OK)
			require.Equal(t, geo.Invalid, pings[1].Fault.Verdict)
			require.True(t, pings[0].OK && pings[2].OK)
		}
	}
}

func TestDecodeRefusesWholeBody(t *testing.T) {
	for body, want := range map[string]error{
		"":                          errEmpty,
		" \n":                       errEmpty,
		"lat=12.97":                 errNotPings,
		"[" + good:                  errUnclosed,
		"[" + good + ",":            errUnclosed,
		`{"driver_id":"d1`:          errUnclosed,
		"[" + good + "] " + good:    errTrailing,
		"[] x":                      errTrailing,
		"{not json at all}":         errBroken,
		"[x,y]":                     errBroken,
		"[" + good + "," + good[1:]: errUnclosed,
	} {
		_, err := Decode(nil, []byte(body), false, 10)
		if body == "["+good+","+good[1:] {
			require.Error(t, err, body)
			continue
		}
		require.ErrorIs(t, err, want, body)
	}
	_, err := Decode(nil, []byte("["+strings.Repeat("0,", 10)+"0]"), false, 10)
	require.ErrorIs(t, err, ErrTooMany)
}

// What is decoded must not change when the body's memory is used again.
func TestDecodeKeepsNothingOfTheBody(t *testing.T) {
	body := []byte("[" + good + "]")
	pings, err := Decode(nil, body, false, 10)
	require.NoError(t, err)
	clear(body)
	require.Equal(t, []Ping{{Fix: goodFix, OK: true}}, pings)
}

// Whatever comes: no panic, and whatever encoding/json takes for an array of
// pings is decoded to the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{good, "[" + good + "," + good + "]", good + "\n" + good, `[{"lat":"x"},1,null]`, `[{"driver_id":"é\n","lat":1e5,"lon":-0,"ts":1}]`, `[[[{"}"]`, `{"a":"\"}`} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		const most = 100
		pings, err := Decode(nil, body, lines, most)
		require.LessOrEqual(t, len(pings), most)
		for _, p := range pings {
			require.Equal(t, p.OK, p.Fault == geo.Outcome{}, "%+v", p)
		}
		var want []map[string]any
		if lines || err != nil || !strings.HasPrefix(strings.TrimSpace(string(body)), "[") || json.Unmarshal(body, &want) != nil {
			return
		}
		require.Len(t, pings, len(want))
		for i, p := range pings {
			if !p.OK {
				continue
			}
			require.Equal(t, want[i]["driver_id"], p.Fix.DriverID)
			require.Equal(t, want[i]["lat"], p.Fix.Lat)
			if ts, ok := want[i]["ts"].(float64); ok && math.Abs(ts) < 1<<53 {
				require.Equal(t, int64(ts), p.Fix.TS)
			}
		}
	})
}
