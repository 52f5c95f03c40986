package realtime

import (
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// kind is what a topic is about. It stands before the colon of its name.
type kind string

const (
	orderKind  kind = "order"
	zoneKind   kind = "zone"
	storeKind  kind = "store"
	driverKind kind = "driver"
	fenceKind  kind = "fence"
)

// Channels of the engine; the topic's id is the hash tag.
const (
	orderChannel = "order_updates:"
	storeChannel = "stock_updates:"
	fenceChannel = "fence_events:"
)

// maxTopicID is the greatest length of what stands after the colon, in bytes.
const maxTopicID = 100

// parseTopic takes a topic's name apart.
func parseTopic(name string) (k kind, id string, ok bool) {
	prefix, id, found := strings.Cut(name, ":")
	switch k = kind(prefix); k {
	case orderKind, zoneKind, storeKind, driverKind, fenceKind:
		return k, id, found && validID(id)
	}
	return "", "", false
}

// validID refuses what cannot be an id, braces among it: they would change the
// hash tag.
func validID(id string) bool {
	if id == "" || len(id) > maxTopicID || !utf8.ValidString(id) {
		return false
	}
	for _, r := range id {
		if !unicode.IsPrint(r) || r == '{' || r == '}' {
			return false
		}
	}
	return true
}

// topic is something that is followed.
type topic struct {
	name    string
	quoted  []byte // the name as a JSON string
	kind    kind
	id      string
	channel string // of the engine; empty for those that are asked for at ticks

	refs int // subscriptions held or being made; Hub.mu guards it

	channelMu   sync.Mutex // held while the channel is subscribed or given back
	channelOpen bool

	mu     sync.Mutex // guards what follows
	subs   map[*subscription]struct{}
	loaded bool   // state was read once: acknowledgements may carry it
	state  latest // what of the topic is newest-wins: all of it but statuses
	order  orderState

	zone zoneState // of the tick's goroutine
}

// orderState is where a followed order stands.
type orderState struct {
	live    bool      // seq is known
	seq     int64     // the last event that was passed on to all subscriptions
	hinted  int64     // the greatest number that a publication named
	driver  string    // who brings it, if it is under way
	done    bool      // its status is final
	checked time.Time // when the source was last asked
	torn    bool      // to be read again: it waits in Hub.torn
}

// zoneState is what the tick remembers of a watched zone.
type zoneState struct {
	swept int64 // when all its live drivers were last asked for, ms
}

func newTopic(name string, k kind, id string) *topic {
	t := &topic{
		name:   name,
		quoted: appendString(nil, name),
		kind:   k,
		id:     id,
		subs:   map[*subscription]struct{}{},
	}
	switch k {
	case orderKind:
		t.channel = orderChannel + "{" + id + "}"
	case storeKind:
		t.channel = storeChannel + "{" + id + "}"
		t.loaded = true // its state is read over HTTP; only changes come here
	case fenceKind:
		t.channel = fenceChannel + "{" + id + "}"
	}
	return t
}

// subscription is one follower's interest in one topic.
type subscription struct {
	client *client
	topic  *topic

	// seen is the number of an order's last event that was queued for the
	// follower. One that has just joined may be ahead of topic.order.seq.
	// topic.mu guards it.
	seen int64

	// ended is set when the follower has left; guarded by client.out.mu, as is
	// queued, which says that it waits in client.out.
	ended  bool
	queued bool

	// sent is the version of topic.state that the follower has, acked whether
	// it has got the first frame. Only the writer uses them.
	sent  uint64
	acked bool
}

// changed commits new parts of the state and tells all subscriptions, unless
// the state is still being read for the first time. The caller holds t.mu.
func (t *topic) changed() {
	t.state.commit()
	if t.loaded {
		t.markAll()
	}
}

// markAll tells every subscription that there is something to send. The caller
// holds t.mu.
func (t *topic) markAll() {
	for s := range t.subs {
		s.client.mark(s)
	}
}

// next makes the frame that brings a subscription up to date, or nil if there
// is nothing to tell. Only the subscription's writer calls it.
func (t *topic) next(s *subscription) *frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, first := s.sent, !s.acked && t.kind != orderKind
	s.sent, s.acked = t.state.version, true
	if first {
		from = 0
	} else if from == t.state.version {
		return nil
	}
	// The first frame of all is told from a later one that starts at 0 by a
	// key that is no version.
	key := from
	if first {
		key = ^uint64(0)
	}
	if f, ok := t.state.frames[key]; ok {
		return f
	}
	f := t.encode(from, first)
	t.state.remember(key, f)
	return f
}

// encode makes the frame of what changed since version from. The caller holds
// t.mu.
func (t *topic) encode(from uint64, first bool) *frame {
	var opening, closing, empty, typ string
	switch t.kind {
	case zoneKind:
		opening, closing, empty, typ = "[", "]", "[]", typePositions
	case storeKind:
		opening, closing, empty, typ = "{", "}", "{}", typeStock
	case orderKind, driverKind:
		empty, typ = "null", typePosition
	}
	data, some := t.state.since([]byte(opening), from, t.kind == storeKind)
	switch {
	case some:
		data = append(data, closing...)
	case first:
		data = []byte(empty)
	default:
		return nil // what changed is gone again
	}
	if first {
		typ = typeSubscribed
	}
	return newFrame(t.quoted, typ, "", data)
}
