package realtime

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/gorilla/websocket"
)

// The types of frames.
const (
	typeStatus      = "status"       // an order's event; the id is its number
	typeMilestone   = "milestone"    // an order's event that leaves its status as it is; the id is its number
	typeFence       = "fence"        // an event of a fence; the id is its number
	typePosition    = "position"     // one driver moved
	typePositions   = "positions"    // drivers of a zone moved
	typeStock       = "stock"        // products of a store changed
	typeSubscribed  = "subscribed"   // a subscription is in force; data is the present state
	typeHistoryGone = "history_gone" // something was missed; data is the present state
	typeError       = "error"        // a message or a topic was refused
)

// frame is one message to followers, encoded once. It is immutable and shared.
type frame struct {
	kind  string
	id    string // what a follower gives back as "since"; empty for states
	final bool   // nothing follows on this topic
	body  []byte // {"topic","id","type","data"}
	data  []byte // the part of body that is the data

	once     sync.Once
	prepared *websocket.PreparedMessage
}

// overhead is what a queued frame costs beside its body, roughly.
const overhead = 64

// size counts against a follower's queue.
func (f *frame) size() int { return len(f.body) + overhead }

// message returns the frame as a WebSocket message that connections share.
func (f *frame) message() *websocket.PreparedMessage {
	f.once.Do(func() {
		// The only error is that of a compressor, and compression is off.
		f.prepared, _ = websocket.NewPreparedMessage(websocket.TextMessage, f.body)
	})
	return f.prepared
}

// newFrame encodes a frame. topic is the JSON string of the topic's name, nil
// for none; data is JSON.
func newFrame(topic []byte, kind, id string, data []byte) *frame {
	b := make([]byte, 0, len(topic)+len(kind)+len(id)+len(data)+40)
	b = append(b, '{')
	if topic != nil {
		b = append(b, `"topic":`...)
		b = append(b, topic...)
		b = append(b, ',')
	}
	if id != "" {
		b = append(b, `"id":`...)
		b = appendString(b, id)
		b = append(b, ',')
	}
	b = append(b, `"type":"`...)
	b = append(b, kind...)
	b = append(b, `","data":`...)
	start := len(b)
	b = append(b, data...)
	end := len(b)
	b = append(b, '}')
	return &frame{kind: kind, id: id, body: b, data: b[start:end:end]}
}

// eventFrame is the same whether the event came as a publication or was read.
func (t *topic) eventFrame(e Event) *frame {
	e.OrderID = t.id
	id := strconv.FormatInt(e.Seq, 10)
	if milestone(e.Status) {
		return newFrame(t.quoted, typeMilestone, id, mustJSON(milestoneData{e.OrderID, e.Seq, e.Status, e.TS, e.DriverID}))
	}
	f := newFrame(t.quoted, typeStatus, id, mustJSON(e))
	f.final = final(e.Status)
	return f
}

// milestoneData is the data of a milestone: it has no status, so that nobody
// takes it for one.
type milestoneData struct {
	OrderID   string `json:"order_id"`
	Seq       int64  `json:"seq"`
	Milestone string `json:"milestone"`
	TS        int64  `json:"ts"`
	DriverID  string `json:"driver_id,omitempty"`
}

// orderFrame tells an order's present state; since is where events go on.
func (t *topic) orderFrame(kind string, o Order, since int64) *frame {
	o.OrderID = t.id
	f := newFrame(t.quoted, kind, strconv.FormatInt(since, 10), mustJSON(o))
	f.final = kind == typeHistoryGone && final(o.Status)
	return f
}

// refusal is the data of an error frame.
type refusal struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"`
}

// The codes of refusals.
const (
	codeInvalid     = "invalid-message"
	codeNotFound    = "not-found"
	codeTooMany     = "too-many-topics"
	codeUnavailable = "unavailable"
)

func errorFrame(topicName string, r refusal) *frame {
	var quoted []byte
	if topicName != "" {
		quoted = appendString(nil, topicName)
	}
	return newFrame(quoted, typeError, "", mustJSON(r))
}

// mustJSON encodes this package's own structs, which cannot fail.
func mustJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(b, mustJSON(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
