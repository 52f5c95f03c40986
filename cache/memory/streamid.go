package memory

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"hyperlocal/cache"
)

// streamID orders the entries of a stream.
type streamID struct{ ms, seq uint64 }

var maxStreamID = streamID{math.MaxUint64, math.MaxUint64}

func (id streamID) less(o streamID) bool {
	return id.ms < o.ms || id.ms == o.ms && id.seq < o.seq
}

func (id streamID) String() string {
	var b [41]byte
	s := strconv.AppendUint(b[:0], id.ms, 10)
	s = append(s, '-')
	return string(strconv.AppendUint(s, id.seq, 10))
}

// next is the id right after, if there is one.
func (id streamID) next() (streamID, bool) {
	switch {
	case id.seq < math.MaxUint64:
		return streamID{id.ms, id.seq + 1}, true
	case id.ms < math.MaxUint64:
		return streamID{id.ms + 1, 0}, true
	}
	return id, false
}

// prev is the id right before, if there is one.
func (id streamID) prev() (streamID, bool) {
	switch {
	case id.seq > 0:
		return streamID{id.ms, id.seq - 1}, true
	case id.ms > 0:
		return streamID{id.ms - 1, math.MaxUint64}, true
	}
	return id, false
}

// parseStreamID reads "<ms>-<seq>" or "<ms>", which stands for missingSeq.
func parseStreamID(s string, missingSeq uint64) (streamID, error) {
	head, tail, both := strings.Cut(s, "-")
	ms, err := strconv.ParseUint(head, 10, 64)
	if err != nil {
		return streamID{}, badStreamID(s)
	}
	if !both {
		return streamID{ms, missingSeq}, nil
	}
	seq, err := strconv.ParseUint(tail, 10, 64)
	if err != nil {
		return streamID{}, badStreamID(s)
	}
	return streamID{ms, seq}, nil
}

// parseRangeStart reads the lower end of a range: "-", "+", an id, or "(" and
// an id that is itself left out.
func parseRangeStart(s string) (streamID, error) {
	if id, ok := rangeEnd(s); ok {
		return id, nil
	}
	exact, exclusive := strings.CutPrefix(s, "(")
	id, err := parseStreamID(exact, 0)
	if err != nil || !exclusive {
		return id, err
	}
	id, ok := id.next()
	if !ok {
		return id, badStreamID(s)
	}
	return id, nil
}

// parseRangeEnd reads the upper end of a range.
func parseRangeEnd(s string) (streamID, error) {
	if id, ok := rangeEnd(s); ok {
		return id, nil
	}
	exact, exclusive := strings.CutPrefix(s, "(")
	id, err := parseStreamID(exact, math.MaxUint64)
	if err != nil || !exclusive {
		return id, err
	}
	id, ok := id.prev()
	if !ok {
		return id, badStreamID(s)
	}
	return id, nil
}

func rangeEnd(s string) (streamID, bool) {
	switch s {
	case "-":
		return streamID{}, true
	case "+":
		return maxStreamID, true
	}
	return streamID{}, false
}

func badStreamID(s string) error { return fmt.Errorf("stream id %q: %w", s, cache.ErrStreamID) }
