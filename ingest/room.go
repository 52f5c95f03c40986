package ingest

// room is what a request's body takes of the bytes that may be taken in at a time. It
// grows with what has been read, so that those who declare much, or are slow to send
// it, keep nobody out. One without limits has no bound.
type room struct {
	limits     *limits
	used, held int64
}

// take makes room for n more bytes, if there is any. It asks for as much again as it
// has, and so not often.
func (r *room) take(n int) bool {
	if r.used += int64(n); r.used <= r.held || r.limits == nil {
		return true
	}
	more := max(r.used-r.held, r.held)
	if r.limits.busy.Add(more) > r.limits.mostBusy {
		r.limits.busy.Add(-more)
		return false
	}
	r.held += more
	return true
}

// leave gives all of it back.
func (r *room) leave() {
	if r.held > 0 {
		r.limits.busy.Add(-r.held)
	}
	*r = room{limits: r.limits}
}
