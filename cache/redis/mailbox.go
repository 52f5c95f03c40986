package redis

import (
	"sync"

	"hyperlocal/cache"
)

// mailbox is the bounded buffer between a connection and a slow reader. When it
// is full, messages are dropped and the reader finds, behind what was buffered,
// one that says so. Writing never waits.
type mailbox struct {
	c chan cache.Message

	mu     sync.Mutex
	marked bool // the last message put in was a Lost
	closed bool
}

// newMailbox holds size messages, and the news of a loss behind them.
func newMailbox(size int) *mailbox {
	return &mailbox{c: make(chan cache.Message, size+1)}
}

func (b *mailbox) put(m cache.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
	case len(b.c) < cap(b.c)-1: // the last place is kept for the news
		b.c <- m
		b.marked = false
	default:
		b.mark()
	}
}

// putLost says that messages were lost elsewhere.
func (b *mailbox) putLost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.mark()
	}
}

// mark puts a Lost at the end unless one stands there. There is room: only mark
// uses the last place, and then the Lost in it is the end.
func (b *mailbox) mark() {
	if b.marked && len(b.c) > 0 {
		return
	}
	b.c <- cache.Message{Lost: true}
	b.marked = true
}

func (b *mailbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.c)
	}
}
