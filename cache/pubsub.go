package cache

import "context"

// Message is one publication, or the news that some were lost.
type Message struct {
	Channel string
	Payload string
	// Pattern is the one that matched, where a host's subscriptions know
	// patterns; empty if the channel itself is subscribed.
	Pattern string
	// Lost says that publications may be missing from here on: the
	// subscriber's buffer was full or the connection broke. Channel and
	// Payload are empty. Whoever needs each message reads its stream again.
	Lost bool
}

// PubSub pushes to whoever is subscribed at that moment. It keeps nothing: what
// must not be missed is in a stream, and the publication is a hint to read it.
//
// On Redis the sharded commands are used (SPUBLISH, SSUBSCRIBE), so a channel
// lives in the slot of its hash tag and a script may publish to it.
type PubSub interface {
	// Publish returns the number of subscribers reached.
	Publish(ctx context.Context, channel, payload string) (int64, error)
	// Subscribe returns when the channels, possibly none yet, are subscribed.
	Subscribe(ctx context.Context, channels ...string) (Subscription, error)
}

// Subscription receives from a changing set of channels over one bounded
// buffer. Its methods may be called from any goroutine.
type Subscription interface {
	// Add returns when the channels are subscribed: what is published later
	// arrives. Adding one twice is harmless.
	Add(ctx context.Context, channels ...string) error
	Remove(ctx context.Context, channels ...string) error
	// C delivers messages of one channel in the order they were published. It
	// is closed by Close, or with the engine.
	C() <-chan Message
	Close() error
}
