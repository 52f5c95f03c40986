package ingest

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
)

// maxListed bounds the rejections that an answer lists; the counts are always
// complete.
const maxListed = 100

// tally is what became of pings: how many have which verdict, the first of those
// that joined nothing, and where all of those are that may be sent again later.
type tally struct {
	counts   [geo.NumVerdicts]int
	total    uint64 // pings since the request's or the stream's start
	rejected []rejection
	limited  []pingpb.Range
}

// rejection is an element of rejected, as web/openapi.yaml has it.
type rejection struct {
	Index   uint64 `json:"index"`
	Verdict string `json:"verdict"`
	Field   string `json:"field,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// add counts the next ping.
func (t *tally) add(o *geo.Outcome) {
	t.counts[o.Verdict]++
	if !o.Verdict.Joined() && o.Verdict != geo.Waiting {
		t.reject(o)
	}
	t.total++
}

func (t *tally) reject(o *geo.Outcome) {
	if len(t.rejected) < maxListed {
		t.rejected = append(t.rejected, rejection{t.total, o.Verdict.String(), o.Field, o.Detail})
	}
	if o.Verdict != geo.Limited {
		return
	}
	if last := len(t.limited) - 1; last >= 0 && t.limited[last].Last+1 == t.total {
		t.limited[last].Last = t.total
		return
	}
	t.limited = append(t.limited, pingpb.Range{First: t.total, Last: t.total})
}

// told forgets what an answer has said; the count of pings goes on.
func (t *tally) told() {
	clear(t.counts[:])
	clear(t.rejected)
	t.rejected = t.rejected[:0]
	t.limited = t.limited[:0]
}

func (t *tally) reset() {
	t.told()
	t.total = 0
}

// appendJSON appends the members of an answer, without the opening brace.
func (t *tally) appendJSON(b []byte, now int64) []byte {
	b = append(b, `"verdicts":{`...)
	first := true
	for v, n := range t.counts {
		if n == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = strconv.AppendQuote(b, geo.Verdict(v).String())
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(n), 10)
	}
	b = append(b, `},"rejected":[`...)
	for i := range t.rejected {
		if i > 0 {
			b = append(b, ',')
		}
		text, _ := json.Marshal(&t.rejected[i]) // numbers and strings: it cannot fail
		b = append(b, text...)
	}
	b = append(b, ']')
	if len(t.limited) > 0 {
		b = append(b, `,"limited":`...)
		before := byte('[')
		for _, r := range t.limited {
			b = append(b, before, '[')
			b = strconv.AppendUint(b, r.First, 10)
			b = append(b, ',')
			b = strconv.AppendUint(b, r.Last, 10)
			b = append(b, ']')
			before = ','
		}
		b = append(b, ']')
	}
	b = append(b, `,"server_time_ms":`...)
	b = strconv.AppendInt(b, now, 10)
	return append(b, '}')
}

// protobuf is the same as a message.
func (t *tally) protobuf(now int64) pingpb.Answer {
	a := pingpb.Answer{
		Verdicts:     make(map[string]uint32, geo.NumVerdicts),
		Rejected:     make([]pingpb.Rejection, len(t.rejected)),
		Limited:      t.limited,
		ServerTimeMS: now,
	}
	for v, n := range t.counts {
		if n > 0 {
			a.Verdicts[geo.Verdict(v).String()] = uint32(n)
		}
	}
	for i, r := range t.rejected {
		a.Rejected[i] = pingpb.Rejection(r)
	}
	return a
}

// send answers a request in the format that the client asks for.
func (h *Handler) send(c echo.Context, w *work) error {
	now := h.opt.Now().UnixMilli()
	if wantsProtobuf(c.Request()) {
		a := w.tally.protobuf(now)
		w.reply = a.Append(w.reply[:0])
		return c.Blob(http.StatusOK, pingpb.ContentType, w.reply)
	}
	w.reply = w.tally.appendJSON(append(w.reply[:0], '{'), now)
	return c.JSONBlob(http.StatusOK, w.reply)
}
