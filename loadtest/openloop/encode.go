package openloop

import (
	"bytes"
	"compress/gzip"
	"strconv"

	"hyperlocal/ingest/pingpb"
)

// body is a batch as it is sent.
type body struct {
	plan  *plan
	text  []byte
	zip   bytes.Buffer
	pack  *gzip.Writer
	pings int
	kinds [numKinds]int64
}

func newBody(p *plan) *body { return &body{plan: p, pack: gzip.NewWriter(nil)} }

// fill makes a batch the body, and returns its text.
func (b *body) fill(batch int) []byte {
	b.text, b.pings, b.kinds = b.text[:0], 0, [numKinds]int64{}
	protocol := b.plan.Protocol
	array := protocol == JSON || protocol == Gzip || protocol == StreamJSON
	b.plan.each(batch, func(f fix, k kind) {
		switch {
		case protocol == Protobuf || protocol == StreamProtobuf:
			b.text = b.appendProtobuf(&f)
		case array:
			b.text = append(b.text, "[,"[min(b.pings, 1)])
			b.text = b.appendJSON(&f)
		case protocol == OwnTracks:
			b.text = b.appendOwnTracks(&f)
		case protocol == OsmAnd:
			b.text = b.appendOsmAnd(&f)
		default:
			b.text = append(b.appendJSON(&f), '\n')
		}
		b.pings++
		b.kinds[k]++
	})
	if array && b.pings > 0 {
		b.text = append(b.text, ']')
	}
	if protocol != Gzip {
		return b.text
	}
	b.zip.Reset()
	b.pack.Reset(&b.zip)
	_, _ = b.pack.Write(b.text) // into memory: it cannot fail
	_ = b.pack.Close()
	return b.zip.Bytes()
}

func (b *body) appendJSON(f *fix) []byte {
	t := append(b.text, `{"driver_id":"`...)
	t = b.plan.appendID(t, f.driver)
	t = appendDecimal(append(t, `","lat":`...), int64(f.latE7), 7)
	t = appendDecimal(append(t, `,"lon":`...), int64(f.lonE7), 7)
	t = strconv.AppendInt(append(t, `,"ts":`...), f.ts, 10)
	t = appendDecimal(append(t, `,"accuracy_m":`...), int64(f.accuracyDM), 1)
	t = appendDecimal(append(t, `,"speed_mps":`...), int64(f.speedCMPS), 2)
	t = appendDecimal(append(t, `,"bearing_deg":`...), int64(f.bearingDecD), 1)
	return append(t, '}')
}

func (b *body) appendProtobuf(f *fix) []byte {
	p := pingpb.Ping{
		DriverID: b.plan.id(f.driver), LatE7: f.latE7, LonE7: f.lonE7, TSMS: f.ts,
		AccuracyM: float32(f.accuracyDM) / 10, SpeedMPS: float32(f.speedCMPS) / 100,
		BearingDeg: float32(f.bearingDecD) / 10, Battery: -1,
	}
	return p.Append(b.text)
}

func (p *plan) id(driver int) string { return string(p.appendID(make([]byte, 0, 32), driver)) }

func (p *plan) appendID(b []byte, driver int) []byte {
	b = append(b, p.Prefix...)
	for unit := MaxDrivers / 10; unit > 0; unit /= 10 {
		b = append(b, '0'+byte(driver/unit%10))
	}
	return b
}

// appendDecimal appends a number that is given in units of so many decimal places.
func appendDecimal(b []byte, v int64, places int) []byte {
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	unit := int64(1)
	for range places {
		unit *= 10
	}
	b = append(strconv.AppendInt(b, v/unit, 10), '.')
	for rest := v % unit; unit > 1; rest %= unit {
		unit /= 10
		b = append(b, '0'+byte(rest/unit))
	}
	return b
}

func (p Protocol) contentType() string {
	switch p {
	case NDJSON:
		return "application/x-ndjson"
	case Protobuf:
		return pingpb.ContentType
	}
	return "application/json"
}
