package pingpb

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Answer is what the server says of a batch, or of a stream's pings since the
// answer before.
type Answer struct {
	Verdicts     map[string]uint32
	Rejected     []Rejection
	Limited      []Range
	ServerTimeMS int64
	Acknowledged uint64 // of a stream: pings since its start that have a verdict
}

// Rejection is a ping that joined nothing.
type Rejection struct {
	Index                  uint64
	Verdict, Field, Detail string
}

// Range is pings in a row, by their indexes.
type Range struct{ First, Last uint64 }

// ErrAnswer is ParseAnswer's error for bytes that are no answer.
var ErrAnswer = errors.New("not a protobuf Answer")

// ParseAnswer reads an answer. It keeps nothing of b.
func ParseAnswer(b []byte) (Answer, error) {
	a := Answer{Verdicts: map[string]uint32{}}
	err := eachField(b, func(num protowire.Number, n uint64, value []byte) error {
		switch num {
		case AnswerVerdicts:
			return a.parseCount(value)
		case AnswerRejected:
			return a.parseRejection(value)
		case AnswerLimited:
			return a.parseRange(value)
		case AnswerTime:
			a.ServerTimeMS = int64(n)
		case AnswerCount:
			a.Acknowledged = n
		}
		return nil
	})
	return a, err
}

// parseCount reads an entry of the map, which is a message of a key and a value.
func (a *Answer) parseCount(b []byte) error {
	var verdict string
	var count uint32
	err := eachField(b, func(num protowire.Number, n uint64, value []byte) error {
		switch num {
		case 1:
			verdict = string(value)
		case 2:
			count = uint32(n)
		}
		return nil
	})
	a.Verdicts[verdict] = count
	return err
}

func (a *Answer) parseRejection(b []byte) error {
	var r Rejection
	err := eachField(b, func(num protowire.Number, n uint64, value []byte) error {
		switch num {
		case RejectionIndex:
			r.Index = n
		case RejectionVerdict:
			r.Verdict = string(value)
		case RejectionField:
			r.Field = string(value)
		case RejectionDetail:
			r.Detail = string(value)
		}
		return nil
	})
	a.Rejected = append(a.Rejected, r)
	return err
}

func (a *Answer) parseRange(b []byte) error {
	var r Range
	err := eachField(b, func(num protowire.Number, n uint64, _ []byte) error {
		switch num {
		case RangeFirst:
			r.First = n
		case RangeLast:
			r.Last = n
		}
		return nil
	})
	a.Limited = append(a.Limited, r)
	return err
}

// eachField calls fn with the fields of a message that are numbers (n) or bytes
// (value), the only types in an answer.
func eachField(b []byte, fn func(num protowire.Number, n uint64, value []byte) error) error {
	for len(b) > 0 {
		num, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return ErrAnswer
		}
		b = b[size:]
		var n uint64
		var value []byte
		switch typ {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(num, typ, b)
		}
		if size < 0 {
			return ErrAnswer
		}
		b = b[size:]
		if err := fn(num, n, value); err != nil {
			return err
		}
	}
	return nil
}

// Append writes the answer. It is the server's.
func (a *Answer) Append(b []byte) []byte {
	var element []byte
	for verdict, count := range a.Verdicts {
		element = appendNumber(appendString(element[:0], 1, verdict), 2, uint64(count))
		b = protowire.AppendTag(b, AnswerVerdicts, protowire.BytesType)
		b = protowire.AppendBytes(b, element)
	}
	for i := range a.Rejected {
		element = a.Rejected[i].append(element[:0])
		b = protowire.AppendTag(b, AnswerRejected, protowire.BytesType)
		b = protowire.AppendBytes(b, element)
	}
	for _, r := range a.Limited {
		element = appendNumber(appendNumber(element[:0], RangeFirst, r.First), RangeLast, r.Last)
		b = protowire.AppendTag(b, AnswerLimited, protowire.BytesType)
		b = protowire.AppendBytes(b, element)
	}
	b = appendNumber(b, AnswerTime, uint64(a.ServerTimeMS))
	return appendNumber(b, AnswerCount, a.Acknowledged)
}

func (r *Rejection) append(b []byte) []byte {
	b = appendNumber(b, RejectionIndex, r.Index)
	b = appendString(b, RejectionVerdict, r.Verdict)
	b = appendString(b, RejectionField, r.Field)
	return appendString(b, RejectionDetail, r.Detail)
}

// A field of the value that it has by default is left out.

func appendNumber(b []byte, num protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, n)
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendString(b, s)
}
