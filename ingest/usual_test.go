package ingest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// requireAlike requires that usual reads an element as decodePing does, or leaves it.
func requireAlike(t require.TestingT, element string) (taken bool) {
	var p Ping
	n := new(decoder).usual([]byte(element), &p)
	if n > 0 {
		require.Equal(t, decodePing([]byte(element[:n])), p, "%q", element[:n])
	}
	return n > 0
}

func TestUsual(t *testing.T) {
	for _, element := range []string{
		good,
		`{ "ts" : 1700000000000 , "lon":-77.5946,"lat":12,"driver_id":"d 1" }`,
		`{"driver_id":"d","lat":-0,"lon":0.000001,"ts":0,"accuracy_m":4.5,"speed_mps":-1,"bearing_deg":271.25,"battery":0.5,"mock":true}`,
		`{"driver_id":"d","lat":1,"lat":2,"lon":3,"ts":1,"mock":true,"mock":false,"order":"o-1","altitude_m":920.5}`,
		`{"driver_id":"","lat":999999999999999,"lon":0.99999999999999,"ts":999999999999999999}` + "  ,{",
	} {
		require.True(t, requireAlike(t, element), element)
	}
	for _, element := range []string{
		``, `{`, `{}`, `[`, `"x"`, good[:len(good)-1],
		strings.Replace(good, "lat", "lot", 1), // a field missing
		strings.Replace(good, "d1", `d\u00e9`, 1),
		strings.Replace(good, "d1", "dé", 1),
		strings.Replace(good, `"d1"`, "1", 1),
		strings.Replace(good, "12.97", "12.", 1),
		strings.Replace(good, "12.97", ".5", 1),
		strings.Replace(good, "12.97", "1e1", 1),
		strings.Replace(good, "12.97", "1.2.3", 1),
		strings.Replace(good, "12.97", "null", 1),
		strings.Replace(good, "12.97", "12.97x", 1),
		strings.Replace(good, "12.97", "12 13", 1),
		strings.Replace(good, "12.97", "1234567890123456", 1),
		strings.Replace(good, "1700000000000", `"2023-11-14T22:13:20Z"`, 1),
		strings.Replace(good, "1700000000000", "1700000000000.5", 1),
		strings.Replace(good, "}", `,"mock":1}`, 1),
		strings.Replace(good, "}", `,"mock":truer}`, 1),
		strings.Replace(good, "}", `,"more":{}}`, 1),
		strings.Replace(good, "}", `,}`, 1),
	} {
		require.Zero(t, new(decoder).usual([]byte(element), new(Ping)), element)
	}
}

// Every short decimal is read to the last bit as strconv reads it.
func TestUsualDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strconv.FormatFloat(rapid.Float64Range(-999, 999).Draw(t, "value"), 'f', rapid.IntRange(0, 12).Draw(t, "places"), 64)
		require.True(t, requireAlike(t, fmt.Sprintf(`{"driver_id":"d","lat":%s,"lon":%[1]s,"ts":1,"speed_mps":%[1]s}`, text)))
	})
}

// An id that is kept stays what it was, however many come after it.
func TestUsualKeepsIDs(t *testing.T) {
	var body strings.Builder
	for i := range 500 {
		fmt.Fprintf(&body, `%c{"driver_id":"%s%d","lat":1,"lon":2,"ts":3}`, "[,"[min(i, 1)], strings.Repeat("x", i*7%1500), i)
	}
	body.WriteByte(']')
	pings := decode(t, body.String(), false)
	require.Len(t, pings, 500)
	for i, p := range pings {
		require.Equal(t, fmt.Sprintf("%s%d", strings.Repeat("x", i*7%1500), i), p.Fix.DriverID)
	}
}

func FuzzUsual(f *testing.F) {
	for _, seed := range []string{good, `{"driver_id":"d","lat":-0.5,"lon":10,"ts":1,"mock":true,"x":"y"}`, `{"lat":1,"lat":1e1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, element string) { requireAlike(t, element) })
}

func TestPowersOf10(t *testing.T) {
	for i, v := range powersOf10 {
		require.Equal(t, math.Pow10(i), v)
	}
}
