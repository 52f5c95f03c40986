// Package problem is the one shape of every refusal over HTTP: RFC 9457
// problem details, with the field at fault where there is one.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// ContentType is the media type of a problem's body.
const ContentType = "application/problem+json"

// Problem is an RFC 9457 problem detail. It is an error, so that a handler can
// return it. The methods that add to it return a copy.
type Problem struct {
	// Type identifies the kind of problem: "urn:hyperlocal:problem:<code>".
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field is the path of the member or parameter at fault, such as
	// "lines[2].units".
	Field string `json:"field,omitempty"`
	// Extra holds members particular to the problem's type, such as the
	// shortages of a reservation. They are written beside the others.
	Extra map[string]any `json:"-"`

	retryAfter time.Duration
}

// New makes a problem. code is lower-case with hyphens and stable: clients
// match on it.
func New(status int, code, title string) *Problem {
	return &Problem{Type: "urn:hyperlocal:problem:" + code, Title: title, Status: status}
}

// WithDetail says what happened this time.
func (p *Problem) WithDetail(format string, args ...any) *Problem {
	c := *p
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// WithField names the field at fault and says what is wrong with it.
func (p *Problem) WithField(field, detail string) *Problem {
	c := *p
	c.Field, c.Detail = field, detail
	return &c
}

// With adds a member of the problem's own type.
func (p *Problem) With(name string, value any) *Problem {
	c := *p
	c.Extra = map[string]any{name: value}
	for k, v := range p.Extra {
		c.Extra[k] = v
	}
	return &c
}

// RetryAfter tells the client when to come back, in whole seconds, rounded up.
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	c := *p
	c.retryAfter = d
	return &c
}

// Seconds is a time to wait as the header Retry-After has it.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Error is for logs.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%d %s", p.Status, p.Title)
	if p.Field != "" {
		s += ": " + p.Field
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// MarshalJSON writes Extra's members beside the standard ones.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	if len(p.Extra) == 0 {
		return json.Marshal((*plain)(p))
	}
	b, err := json.Marshal((*plain)(p))
	if err != nil {
		return nil, err
	}
	extra, err := json.Marshal(p.Extra)
	if err != nil {
		return nil, err
	}
	b[len(b)-1] = ','
	return append(b, extra[1:]...), nil
}

// Write answers a request with the problem.
func Write(w http.ResponseWriter, p *Problem) {
	body, err := json.Marshal(p)
	if err != nil { // an Extra that JSON cannot hold: the rest still helps
		c := *p
		c.Extra = nil
		body, _ = json.Marshal(&c)
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		h.Set("Retry-After", Seconds(p.retryAfter))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody is left to tell
}

// The problems that more than one package answers with.
var (
	Invalid     = New(http.StatusBadRequest, "invalid-request", "The request is not valid")
	NotFound    = New(http.StatusNotFound, "not-found", "There is no such thing")
	TooLarge    = New(http.StatusRequestEntityTooLarge, "too-large", "The request is too large")
	Unavailable = New(http.StatusServiceUnavailable, "unavailable", "A part of the service is not available").RetryAfter(2 * time.Second)
	Internal    = New(http.StatusInternalServerError, "internal", "The server failed")
)
