package resp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// subscriptionSteps are lines with the number of replies they have, both of a
// subscriber; a line of "publish" is sent by somebody else, and the replies are
// what the subscriber receives.
var subscriptionSteps = []struct {
	line    string
	replies int
}{
	{"UNSUBSCRIBE", 1},
	{"UNSUBSCRIBE @a @b", 2},
	{"PUNSUBSCRIBE", 1},
	{"SUNSUBSCRIBE", 1},
	{"PING", 1},
	{"SUBSCRIBE @a @b @a", 3},
	{"PING", 1},
	{"PING hello", 1},
	{"GET @k", 1},
	{"CLIENT ID x", 1},
	{"nosuch", 1},
	{"SUBSCRIBE", 1},
	{"publish @a one", 1},
	{"publish @nobody one", 0},
	{"publish @b two", 1},
	{"PSUBSCRIBE @p* @q?", 2},
	{"publish @pq three", 1},
	{"publish @q1 four", 1},
	{"publish @q12 five", 0},
	{"publish @a six", 1},
	{"SSUBSCRIBE @s", 1},
	{"SUBSCRIBE @c", 1},
	{"spublish @s seven", 1},
	{"SUNSUBSCRIBE @s", 1},
	{"SUNSUBSCRIBE @s", 1},
	{"UNSUBSCRIBE @a @nosuch", 2},
	{"publish @a eight", 0},
	{"PUNSUBSCRIBE @q?", 1},
	{"publish @q1 nine", 0},
	{"PUNSUBSCRIBE", 1},
	{"UNSUBSCRIBE @b @c", 2},
	{"GET @k", 1},
	{"SUBSCRIBE @z", 1},
	{"RESET", 1},
	{"publish @z ten", 0},
	{"GET @k", 1},
	{"SUBSCRIBE @z", 1},
	{"QUIT", 1},
}

func TestSubscriptionsAsRedisHasThem(t *testing.T) {
	protocols(t, func(t *testing.T, connect func(t *testing.T) *pair) {
		listener, publisher := connect(t), connect(t)
		publisher.tag = listener.tag
		for _, step := range subscriptionSteps {
			args := listener.words(step.line)
			if publishes := args[0] == "publish" || args[0] == "spublish"; publishes {
				publisher.same(args)
			} else {
				listener.ours.send(encode(args...))
				listener.theirs.send(encode(args...))
			}
			for range step.replies {
				require.Equal(t, listener.theirs.receive().String(), listener.ours.receive().String(), step.line)
			}
		}
		listener.ours.closed()
		listener.keys = nil
	})
}
