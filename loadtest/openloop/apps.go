package openloop

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strconv"
)

// What phones with other makers' apps send: a request for each ping, so a batch is
// sent as so many, one after the other. Times are in ms, which the server reads beside
// the apps' seconds, so that a load may have more than one ping of a driver in a second.

// appendOwnTracks appends a message of OwnTracks in HTTP mode, and a line's end.
func (b *body) appendOwnTracks(f *fix) []byte {
	t := append(b.text, `{"_type":"location","topic":"owntracks/`...)
	t = b.plan.appendID(t, f.driver)
	t = appendDecimal(append(t, `/phone","lat":`...), int64(f.latE7), 7)
	t = appendDecimal(append(t, `,"lon":`...), int64(f.lonE7), 7)
	t = strconv.AppendInt(append(t, `,"tst":`...), f.ts, 10)
	t = appendDecimal(append(t, `,"acc":`...), int64(f.accuracyDM), 1)
	t = appendDecimal(append(t, `,"vel":`...), int64(f.speedCMPS)*36/10, 2) // km/h
	t = appendDecimal(append(t, `,"cog":`...), int64(f.bearingDecD), 1)
	return append(t, "}\n"...)
}

// appendOsmAnd appends the parameters of a request of OsmAnd or an older Traccar
// Client, and a line's end.
func (b *body) appendOsmAnd(f *fix) []byte {
	const metresPerNauticalMile = 1852
	t := b.plan.appendID(append(b.text, "id="...), f.driver)
	t = appendDecimal(append(t, "&lat="...), int64(f.latE7), 7)
	t = appendDecimal(append(t, "&lon="...), int64(f.lonE7), 7)
	t = strconv.AppendInt(append(t, "&timestamp="...), f.ts, 10)
	t = appendDecimal(append(t, "&accuracy="...), int64(f.accuracyDM), 1)
	t = appendDecimal(append(t, "&speed="...), int64(f.speedCMPS)*3600/metresPerNauticalMile, 2) // knots
	t = appendDecimal(append(t, "&bearing="...), int64(f.bearingDecD), 1)
	return append(t, '\n')
}

// phone sends the lines of a batch as requests of their own.
type phone struct {
	*poster
	ownTracks bool
	told      map[string]int64
}

func (s *phone) send(ctx context.Context, body []byte, _ int) error {
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		url := s.url
		if !s.ownTracks {
			url, line = url+"?"+string(line), nil
		}
		header, err := s.post(ctx, url, line)
		if err != nil {
			return err
		}
		if s.ownTracks {
			s.told[header.Get("Hyperlocal-Verdict")]++
			continue
		}
		verdicts, err := s.poster.verdicts()
		if err != nil {
			return err
		}
		for v, n := range verdicts {
			s.told[v] += n
		}
	}
	return nil
}

func (s *phone) verdicts() (map[string]int64, error) {
	told := maps.Clone(s.told)
	clear(s.told)
	if told[""] > 0 {
		return nil, fmt.Errorf("%d answers have no verdict", told[""])
	}
	return told, nil
}
