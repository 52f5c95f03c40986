package realtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// request is one message of a follower, checked.
type request struct {
	unsubscribe []topicName
	subscribe   []topicName
}

// topicName is a topic that a message names.
type topicName struct {
	name  string
	kind  kind
	id    string
	field string // where in the message it stands
	since int64  // number of the last event seen; noSince if not given
}

// noSince is "from now on".
const noSince = -1

// decodeRequest reads {"subscribe":[…],"since":{…},"unsubscribe":[…]}. A name
// that is none is refused by itself and the rest is carried out; bad are those
// refusals. If the message as a whole makes no sense, err says so.
func decodeRequest(b []byte, maxTopics int) (r request, bad []topicRefusal, err *refusal) {
	var members map[string]json.RawMessage
	if e := json.Unmarshal(b, &members); e != nil || members == nil {
		return request{}, nil, invalid("", "a message is a JSON object with subscribe, since and unsubscribe")
	}
	var subscribe, unsubscribe []string
	var since map[string]string
	for name, raw := range members {
		var into any
		var want string
		switch name {
		case "subscribe":
			into, want = &subscribe, "must be an array of topics"
		case "unsubscribe":
			into, want = &unsubscribe, "must be an array of topics"
		case "since":
			into, want = &since, "must be an object of topic to id, both strings"
		default:
			return request{}, nil, invalid(name, "is not a member of a message")
		}
		if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, into) != nil {
			return request{}, nil, invalid(name, want)
		}
	}
	switch {
	case len(subscribe)+len(unsubscribe) == 0:
		return request{}, nil, invalid("subscribe", "names no topic")
	case len(subscribe)+len(unsubscribe) > maxTopics:
		return request{}, nil, invalid("subscribe", fmt.Sprintf("names more than %d topics", maxTopics))
	}
	r.unsubscribe, bad = parseTopics("unsubscribe", unsubscribe, nil)
	r.subscribe, bad = parseTopics("subscribe", subscribe, bad)
	return applySince(r, since, bad)
}

type topicRefusal struct {
	topic string
	refusal
}

func invalid(field, detail string) *refusal {
	return &refusal{Code: codeInvalid, Field: field, Detail: detail}
}

// parseTopics appends to bad what is no topic, and drops repetitions.
func parseTopics(member string, names []string, bad []topicRefusal) ([]topicName, []topicRefusal) {
	topics := make([]topicName, 0, len(names))
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		field := member + "[" + strconv.Itoa(i) + "]"
		k, id, ok := parseTopic(name)
		switch {
		case !ok:
			bad = append(bad, topicRefusal{clip(name), *invalid(field, "must be order:, zone:, store:, driver: or fence: and an id")})
		case !seen[name]:
			seen[name] = true
			topics = append(topics, topicName{name, k, id, field, noSince})
		}
	}
	return topics, bad
}

// applySince sets where the replays start. A subscription whose since is
// invalid is refused: starting it elsewhere would hide events.
func applySince(r request, since map[string]string, bad []topicRefusal) (request, []topicRefusal, *refusal) {
	if len(since) == 0 {
		return r, bad, nil
	}
	topics := r.subscribe[:0]
	for _, t := range r.subscribe {
		id, given := since[t.name]
		delete(since, t.name)
		if given && t.kind == orderKind {
			n, ok := parseSeq(id)
			if !ok {
				bad = append(bad, topicRefusal{t.name, *invalid("since["+t.name+"]", "must be the id of a frame of this topic")})
				continue
			}
			t.since = n
		}
		topics = append(topics, t)
	}
	r.subscribe = topics
	for _, b := range bad {
		delete(since, b.topic)
	}
	for name := range since {
		return request{}, nil, invalid("since["+clip(name)+"]", "is not among the topics to subscribe")
	}
	return r, bad, nil
}

// parseSeq reads an event's number, or 0 for "before the first".
func parseSeq(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && s[0] != '+' && s[0] != '-'
}

// clip bounds what is echoed of a message.
func clip(s string) string {
	if len(s) > maxTopicID {
		return string([]rune(s[:maxTopicID])) + "…"
	}
	return s
}
