package pingpb_test

import (
	"context"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"hyperlocal/geo"
	"hyperlocal/ingest"
	"hyperlocal/ingest/pingpb"
)

// The referee is the official library, with ping.proto as it stands.
func message(t testing.TB, name protoreflect.Name) *dynamicpb.Message {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(context.Background(), "ping.proto")
	require.NoError(t, err)
	return dynamicpb.NewMessage(files[0].Messages().ByName(name))
}

func value(m protoreflect.Message, field protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(field))
}

func measure(m protoreflect.Message, field protoreflect.Name) float32 {
	if !m.Has(m.Descriptor().Fields().ByName(field)) {
		return geo.Unknown
	}
	return float32(value(m, field).Float())
}

// fixOf reads the referee's message as ingest does.
func fixOf(m protoreflect.Message) geo.Fix {
	return geo.Fix{
		DriverID:   value(m, "driver_id").String(),
		Lat:        float64(value(m, "lat_e7").Int()) / 1e7,
		Lon:        float64(value(m, "lon_e7").Int()) / 1e7,
		TS:         value(m, "ts_ms").Int(),
		AccuracyM:  measure(m, "accuracy_m"),
		SpeedMPS:   measure(m, "speed_mps"),
		BearingDeg: measure(m, "bearing_deg"),
		Battery:    measure(m, "battery"),
		Mock:       value(m, "mock").Bool(),
		Busy:       value(m, "busy").Bool(),
	}
}

// sameFix compares by bits: NaN is equal to itself.
func sameFix(t require.TestingT, want, got geo.Fix) {
	for _, pair := range [][2]*float32{
		{&want.AccuracyM, &got.AccuracyM}, {&want.SpeedMPS, &got.SpeedMPS}, {&want.BearingDeg, &got.BearingDeg}, {&want.Battery, &got.Battery},
	} {
		require.Equal(t, math.Float32bits(*pair[0]), math.Float32bits(*pair[1]))
		*pair[0], *pair[1] = 0, 0
	}
	require.Equal(t, want, got)
}

// randomPing sets some of a message's fields.
func randomPing(t *rapid.T, m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if !rapid.Bool().Draw(t, "has") {
			continue
		}
		switch f.Kind() {
		case protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(rapid.String().Draw(t, "text")))
		case protoreflect.Sfixed32Kind:
			m.Set(f, protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32")))
		case protoreflect.Sfixed64Kind:
			m.Set(f, protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64")))
		case protoreflect.FloatKind:
			m.Set(f, protoreflect.ValueOfFloat32(rapid.Float32().Draw(t, "float")))
		case protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool")))
		default:
			t.Fatalf("a field of a kind that this test does not know: %v", f)
		}
	}
	if rapid.Bool().Draw(t, "newer client") {
		unknown := protowire.AppendTag(nil, rapid.Custom(func(t *rapid.T) protowire.Number {
			return protowire.Number(rapid.IntRange(10, 1<<29-1).Draw(t, "number"))
		}).Draw(t, "field"), protowire.BytesType)
		m.SetUnknown(protowire.AppendBytes(unknown, rapid.SliceOf(rapid.Byte()).Draw(t, "value")))
	}
}

// What the official library writes is read here as the same pings.
func TestReadsWhatTheOfficialEncoderWrites(t *testing.T) {
	batch := message(t, "Batch")
	rapid.Check(t, func(t *rapid.T) {
		proto.Reset(batch)
		pings := batch.Mutable(batch.Descriptor().Fields().ByName("pings")).List()
		for range rapid.IntRange(0, 5).Draw(t, "pings") {
			randomPing(t, pings.AppendMutable().Message())
		}
		body, err := proto.Marshal(batch)
		require.NoError(t, err)
		got, err := ingest.DecodeProtobuf(nil, body, pings.Len())
		require.NoError(t, err)
		require.Len(t, got, pings.Len())
		for i := range got {
			require.True(t, got[i].OK)
			sameFix(t, fixOf(pings.Get(i).Message()), got[i].Fix)
		}
		clear(body)
	})
}

// What is written here is read by the official library, and here, as the same
// pings.
func TestWritesWhatTheOfficialDecoderReads(t *testing.T) {
	batch := message(t, "Batch")
	measures := rapid.OneOf(rapid.Just[float32](-1), rapid.Just[float32](0), rapid.Float32Range(0, math.MaxFloat32))
	rapid.Check(t, func(t *rapid.T) {
		pings := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pingpb.Ping {
			return pingpb.Ping{
				DriverID: rapid.String().Draw(t, "id"), LatE7: rapid.Int32().Draw(t, "lat"), LonE7: rapid.Int32().Draw(t, "lon"),
				TSMS: rapid.Int64().Draw(t, "ts"), AccuracyM: measures.Draw(t, "accuracy"), SpeedMPS: measures.Draw(t, "speed"),
				BearingDeg: measures.Draw(t, "bearing"), Battery: measures.Draw(t, "battery"), Mock: rapid.Bool().Draw(t, "mock"), Busy: rapid.Bool().Draw(t, "busy"),
			}
		}), 0, 5).Draw(t, "pings")
		var body []byte
		for i := range pings {
			body = pings[i].Append(body)
		}
		require.NoError(t, proto.Unmarshal(body, batch))
		list := value(batch, "pings").List()
		require.Equal(t, len(pings), list.Len())
		got, err := ingest.DecodeProtobuf(nil, body, len(pings))
		require.NoError(t, err)
		for i, p := range pings {
			m := list.Get(i).Message()
			require.Empty(t, m.GetUnknown())
			want := geo.Fix{
				DriverID: p.DriverID, Lat: float64(p.LatE7) / 1e7, Lon: float64(p.LonE7) / 1e7, TS: p.TSMS,
				AccuracyM: p.AccuracyM, SpeedMPS: p.SpeedMPS, BearingDeg: p.BearingDeg, Battery: p.Battery, Mock: p.Mock, Busy: p.Busy,
			}
			sameFix(t, want, fixOf(m))
			sameFix(t, want, got[i].Fix)
		}
	})
}

// Whatever comes: no panic, and what the official library takes for a batch is
// read as the same one. It refuses ids that are not UTF-8, which here is left
// to the verdict.
func FuzzDecodeProtobuf(f *testing.F) {
	p := pingpb.Ping{DriverID: "d1", LatE7: 129716000, LonE7: 775946000, TSMS: 1_700_000_000_000, AccuracyM: 5, SpeedMPS: -1, BearingDeg: 271, Battery: .5, Mock: true}
	one := p.Append(nil)
	f.Add(one)
	f.Add(p.Append(one))
	f.Add([]byte("\x0a\x03\x0a\x01\xff"))                   // an id that is not UTF-8
	f.Add([]byte("\x0a\x00\x0a\x01\x0a"))                   // an empty ping and one that breaks off
	f.Add([]byte("\x8a\x00\x06\x8a\x80\x00\x01d\x40\x01"))  // tags longer than they need be
	f.Add([]byte("\x0b\x0a\x02hi\x0c\x0a\x02\x10\x01\x08")) // a group; fields of other types
	f.Add([]byte(`{"driver_id":"d1"}`))
	batch := message(f, "Batch")
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 1000
		got, err := ingest.DecodeProtobuf(nil, body, most)
		require.LessOrEqual(t, len(got), most)
		for _, p := range got {
			require.Equal(t, p.OK, p.Fault == geo.Outcome{})
		}
		m := batch.New().Interface()
		if proto.Unmarshal(body, m) != nil {
			everythingValid := err == nil && len(got) > 0
			for _, p := range got {
				everythingValid = everythingValid && p.OK && utf8.ValidString(p.Fix.DriverID)
			}
			require.False(t, everythingValid, "the official library refuses it")
			return
		}
		list := value(m.ProtoReflect(), "pings").List()
		if list.Len() > most {
			require.ErrorIs(t, err, ingest.ErrTooMany)
			return
		}
		require.NoError(t, err)
		require.Len(t, got, list.Len())
		for i := range got {
			require.True(t, got[i].OK)
			sameFix(t, fixOf(list.Get(i).Message()), got[i].Fix)
		}
	})
}

// An answer of the server is read by the official library, and here.
func TestAnswers(t *testing.T) {
	answer := message(t, "Answer")
	rapid.Check(t, func(t *rapid.T) {
		want := pingpb.Answer{
			Verdicts: rapid.MapOf(rapid.StringMatching("[a-z]*"), rapid.Uint32()).Draw(t, "verdicts"),
			Rejected: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pingpb.Rejection {
				return pingpb.Rejection{
					Index: rapid.Uint64().Draw(t, "index"), Verdict: rapid.String().Draw(t, "verdict"),
					Field: rapid.String().Draw(t, "field"), Detail: rapid.String().Draw(t, "detail"),
				}
			}), 1, 3).Draw(t, "rejected"),
			Limited: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pingpb.Range {
				return pingpb.Range{First: rapid.Uint64().Draw(t, "first"), Last: rapid.Uint64().Draw(t, "last")}
			}), 1, 3).Draw(t, "limited"),
			ServerTimeMS: rapid.Int64().Draw(t, "time"), Acknowledged: rapid.Uint64().Draw(t, "acknowledged"),
		}
		body := want.Append(nil)
		got, err := pingpb.ParseAnswer(body)
		require.NoError(t, err)
		require.Equal(t, want, got)

		require.NoError(t, proto.Unmarshal(body, answer))
		require.Equal(t, want.ServerTimeMS, value(answer, "server_time_ms").Int())
		require.Equal(t, want.Acknowledged, value(answer, "acknowledged").Uint())
		verdicts := value(answer, "verdicts").Map()
		require.Equal(t, len(want.Verdicts), verdicts.Len())
		for v, n := range want.Verdicts {
			require.Equal(t, uint64(n), verdicts.Get(protoreflect.ValueOfString(v).MapKey()).Uint())
		}
		for i, r := range want.Rejected {
			m := value(answer, "rejected").List().Get(i).Message()
			require.Equal(t, r, pingpb.Rejection{
				Index: value(m, "index").Uint(), Verdict: value(m, "verdict").String(),
				Field: value(m, "field").String(), Detail: value(m, "detail").String(),
			})
		}
		for i, r := range want.Limited {
			m := value(answer, "limited").List().Get(i).Message()
			require.Equal(t, r, pingpb.Range{First: value(m, "first").Uint(), Last: value(m, "last").Uint()})
		}
		body, err = proto.Marshal(answer)
		require.NoError(t, err)
		got, err = pingpb.ParseAnswer(body)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for i := range body { // broken off: no panic, and mostly an error
			if _, err := pingpb.ParseAnswer(body[:i]); err != nil {
				require.ErrorIs(t, err, pingpb.ErrAnswer)
			}
		}
	})
}
