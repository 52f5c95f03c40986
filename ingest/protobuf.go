package ingest

import (
	"encoding/binary"
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
)

const notProtobuf = "is not a valid protobuf message"

var (
	errNoBatch = errors.New(notProtobuf)
	noProtobuf = fault("", notProtobuf)
)

// Tags, as one number of field and type. Those of pings take one byte.
const (
	tagPings    = uint64(pingpb.BatchPings)<<3 | uint64(protowire.BytesType)
	tagDriverID = uint64(pingpb.PingDriverID)<<3 | uint64(protowire.BytesType)
	tagLat      = uint64(pingpb.PingLat)<<3 | uint64(protowire.Fixed32Type)
	tagLon      = uint64(pingpb.PingLon)<<3 | uint64(protowire.Fixed32Type)
	tagTS       = uint64(pingpb.PingTS)<<3 | uint64(protowire.Fixed64Type)
	tagAccuracy = uint64(pingpb.PingAccuracy)<<3 | uint64(protowire.Fixed32Type)
	tagSpeed    = uint64(pingpb.PingSpeed)<<3 | uint64(protowire.Fixed32Type)
	tagBearing  = uint64(pingpb.PingBearing)<<3 | uint64(protowire.Fixed32Type)
	tagBattery  = uint64(pingpb.PingBattery)<<3 | uint64(protowire.Fixed32Type)
	tagMock     = uint64(pingpb.PingMock)<<3 | uint64(protowire.VarintType)
	tagBusy     = uint64(pingpb.PingBusy)<<3 | uint64(protowire.VarintType)
)

// DecodeProtobuf is Decode for a Batch of pingpb/ping.proto. A body without
// pings is one, too: that is what an empty message looks like.
//
// It reads the wire format itself, for speed: what the format allows but no
// encoder does (fields in another order, twice, or of another type) means what
// it means to the official decoders. What it leaves to geo is whether an id is
// valid UTF-8.
func DecodeProtobuf(pings []Ping, body []byte, max int) ([]Ping, error) {
	before, broken := len(pings), 0
	for len(body) > 0 {
		tag, n := protowire.ConsumeVarint(body)
		if n < 0 {
			return pings, errNoBatch
		}
		body = body[n:]
		if tag != tagPings {
			if n = skipField(tag, body); n < 0 {
				return pings, errNoBatch
			}
			body = body[n:]
			continue
		}
		element, n := protowire.ConsumeBytes(body)
		if n < 0 {
			return pings, errNoBatch
		}
		body = body[n:]
		if len(pings)-before == max {
			return pings, errTooMany
		}
		pings = append(pings, Ping{Fix: unmeasured, OK: true})
		if p := &pings[len(pings)-1]; !decodeFix(element, &p.Fix) {
			*p = noProtobuf
			broken++
		}
	}
	if n := len(pings) - before; n > 0 && n == broken {
		return pings, errNoBatch
	}
	return pings, nil
}

var unmeasured = geo.Fix{AccuracyM: geo.Unknown, SpeedMPS: geo.Unknown, BearingDeg: geo.Unknown, Battery: geo.Unknown}

// decodeFix reads a message Ping into f, and reports whether it is one.
func decodeFix(b []byte, f *geo.Fix) bool {
	var id []byte
	for len(b) > 0 {
		tag, n := uint64(b[0]), 1
		if tag >= 0x80 {
			if tag, n = protowire.ConsumeVarint(b); n < 0 {
				return false
			}
		}
		b = b[n:]
		switch {
		case tag == tagDriverID:
			if id, n = protowire.ConsumeBytes(b); n < 0 {
				return false
			}
			b = b[n:]
		case tag == tagTS:
			if len(b) < 8 {
				return false
			}
			f.TS = int64(binary.LittleEndian.Uint64(b))
			b = b[8:]
		case tag == tagMock, tag == tagBusy:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return false
			}
			if tag == tagMock {
				f.Mock = v != 0
			} else {
				f.Busy = v != 0
			}
			b = b[n:]
		case tag&7 == uint64(protowire.Fixed32Type) && tag>>3 != 0 && tag <= tagBattery:
			if len(b) < 4 {
				return false
			}
			setFixed32(f, tag, binary.LittleEndian.Uint32(b))
			b = b[4:]
		default:
			if n = skipField(tag, b); n < 0 {
				return false
			}
			b = b[n:]
		}
	}
	f.DriverID = string(id)
	return true
}

const e7 = 1e7

func setFixed32(f *geo.Fix, tag uint64, v uint32) {
	switch tag {
	case tagLat:
		f.Lat = float64(int32(v)) / e7
	case tagLon:
		f.Lon = float64(int32(v)) / e7
	case tagAccuracy:
		f.AccuracyM = math.Float32frombits(v)
	case tagSpeed:
		f.SpeedMPS = math.Float32frombits(v)
	case tagBearing:
		f.BearingDeg = math.Float32frombits(v)
	case tagBattery:
		f.Battery = math.Float32frombits(v)
	}
}

// skipField returns the length of a field that is no ping's, or less than 0.
func skipField(tag uint64, b []byte) int {
	num, typ := protowire.DecodeTag(tag)
	if num < protowire.MinValidNumber || num > protowire.MaxValidNumber {
		return -1
	}
	return protowire.ConsumeFieldValue(num, typ, b)
}
