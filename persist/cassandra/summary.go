package cassandra

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

// summary is the numbers of a track as one value of the user-defined type
// track_summary: one cell costs the cluster a good microsecond less for every
// column that it replaces, and its fields can still be asked for by name.
type summary struct{ *persist.TrackRow }

var (
	_ gocql.Marshaler   = summary{}
	_ gocql.Unmarshaler = summary{}
)

// fieldBytes is a field on the wire: its length, 8, as an int32, and a bigint
// or a double. A field that is not set has length -1 and nothing more.
const fieldBytes = 4 + 8

// fields are those of track_summary, in its order: integers, then doubles.
func (s summary) fields() ([]*int64, []*float64) {
	r := s.TrackRow
	return []*int64{&r.FirstTS, &r.LastTS},
		[]*float64{&r.FirstLat, &r.FirstLon, &r.LastLat, &r.LastLon, &r.DistanceM, &r.TopSpeedMPS, &r.MeanAccuracyM}
}

// MarshalCQL writes the fields, with the numbers of fixes at the end.
func (s summary) MarshalCQL(gocql.TypeInfo) ([]byte, error) {
	integers, doubles := s.fields()
	data := make([]byte, 0, fieldBytes*(len(integers)+len(doubles)+2))
	add := func(bits uint64) {
		data = binary.BigEndian.AppendUint32(data, 8)
		data = binary.BigEndian.AppendUint64(data, bits)
	}
	for _, v := range integers {
		add(uint64(*v))
	}
	for _, v := range doubles {
		add(math.Float64bits(*v))
	}
	add(uint64(s.Fixes))
	add(uint64(s.MockFixes))
	return data, nil
}

// UnmarshalCQL reads the fields that this version knows of; a later one may
// have added more, and rows from before schema 3 have no number of mocked fixes.
func (s summary) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	integers, doubles := s.fields()
	var err error
	next := func() uint64 {
		if len(data) < fieldBytes || binary.BigEndian.Uint32(data) != 8 {
			err = fmt.Errorf("track_summary: a field is missing, %d bytes are left", len(data))
			return 0
		}
		bits := binary.BigEndian.Uint64(data[4:])
		data = data[fieldBytes:]
		return bits
	}
	for _, v := range integers {
		*v = int64(next())
	}
	for _, v := range doubles {
		*v = math.Float64frombits(next())
	}
	s.Fixes, s.MockFixes = int(next()), 0
	if len(data) > 0 {
		s.MockFixes = int(next())
	}
	return err
}
