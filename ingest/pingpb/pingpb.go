// Package pingpb is the client's side of ping.proto: it writes batches of pings
// and reads answers, without reflection and without memory of its own.
//
// A batch is what [Ping.Append] wrote, one ping after the other:
//
//	var body []byte
//	for i := range pings {
//		body = pings[i].Append(body)
//	}
//	// POST /v1/locations
//	// Content-Type: application/x-protobuf
//	// Accept: application/x-protobuf
//	answer, err := pingpb.ParseAnswer(reply)
//
// It imports nothing of the project, so that a client may.
package pingpb

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ContentType is the media type of all the messages.
const ContentType = "application/x-protobuf"

// The field numbers of ping.proto.
const (
	BatchPings protowire.Number = 1

	PingDriverID protowire.Number = 1
	PingLat      protowire.Number = 2
	PingLon      protowire.Number = 3
	PingTS       protowire.Number = 4
	PingAccuracy protowire.Number = 5
	PingSpeed    protowire.Number = 6
	PingBearing  protowire.Number = 7
	PingBattery  protowire.Number = 8
	PingMock     protowire.Number = 9
	PingBusy     protowire.Number = 10

	AnswerVerdicts protowire.Number = 1
	AnswerRejected protowire.Number = 2
	AnswerTime     protowire.Number = 3
	AnswerCount    protowire.Number = 4
	AnswerLimited  protowire.Number = 5

	RejectionIndex   protowire.Number = 1
	RejectionVerdict protowire.Number = 2
	RejectionField   protowire.Number = 3
	RejectionDetail  protowire.Number = 4

	RangeFirst protowire.Number = 1
	RangeLast  protowire.Number = 2
)

// Ping is one position of one driver. Of the measures a negative one is not
// known, and is left out.
type Ping struct {
	DriverID     string
	LatE7, LonE7 int32 // degrees, times 10,000,000
	TSMS         int64 // ms since 1970-01-01 UTC
	AccuracyM    float32
	SpeedMPS     float32
	BearingDeg   float32
	Battery      float32 // 0 empty to 1 full
	Mock         bool
	Busy         bool // takes no orders now
}

// E7 is an angle in the unit of the messages.
func E7(deg float64) int32 { return int32(math.Round(deg * 1e7)) }

// Append appends the ping as an element of a batch.
func (p *Ping) Append(b []byte) []byte {
	b = protowire.AppendTag(b, BatchPings, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(p.size()))
	b = protowire.AppendTag(b, PingDriverID, protowire.BytesType)
	b = protowire.AppendString(b, p.DriverID)
	b = protowire.AppendTag(b, PingLat, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, uint32(p.LatE7))
	b = protowire.AppendTag(b, PingLon, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, uint32(p.LonE7))
	b = protowire.AppendTag(b, PingTS, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, uint64(p.TSMS))
	b = appendMeasure(b, PingAccuracy, p.AccuracyM)
	b = appendMeasure(b, PingSpeed, p.SpeedMPS)
	b = appendMeasure(b, PingBearing, p.BearingDeg)
	b = appendMeasure(b, PingBattery, p.Battery)
	b = appendFlag(b, PingMock, p.Mock)
	return appendFlag(b, PingBusy, p.Busy)
}

// The bytes that a field takes with its tag, which is one byte.
const (
	sizeFixed32 = 5
	sizeFixed64 = 9
	sizeBool    = 2
)

// size is what Append writes after the length.
func (p *Ping) size() int {
	n := 1 + protowire.SizeBytes(len(p.DriverID)) + 2*sizeFixed32 + sizeFixed64
	for _, v := range [...]float32{p.AccuracyM, p.SpeedMPS, p.BearingDeg, p.Battery} {
		if v >= 0 {
			n += sizeFixed32
		}
	}
	for _, v := range [...]bool{p.Mock, p.Busy} {
		if v {
			n += sizeBool
		}
	}
	return n
}

func appendFlag(b []byte, num protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), 1)
}

func appendMeasure(b []byte, num protowire.Number, v float32) []byte {
	if !(v >= 0) {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, math.Float32bits(v))
}
