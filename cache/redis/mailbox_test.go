package redis

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// Whatever a reader's pace: order is kept, nothing is missing without a Lost
// before the next message, no loss goes unmentioned, and writing never waits.
func TestMailbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		box := newMailbox(rapid.IntRange(1, 4).Draw(t, "size"))
		sent, expected, excused := 0, 0, false
		read := func(m cache.Message) {
			if m.Lost {
				excused = true
				return
			}
			n, err := strconv.Atoi(m.Payload)
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, expected)
			require.True(t, excused || n == expected, "%d instead of %d without a word", n, expected)
			expected, excused = n+1, false
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(*rapid.T) {
				box.put(cache.Message{Payload: strconv.Itoa(sent)})
				sent++
			},
			"put lost": func(*rapid.T) { box.putLost() },
			"read": func(t *rapid.T) {
				select {
				case m := <-box.c:
					read(m)
				default:
					t.Skip("empty")
				}
			},
		})
		box.close()
		box.close()
		box.put(cache.Message{Payload: "too late"})
		box.putLost()
		for m := range box.c {
			read(m)
		}
		require.True(t, excused || expected == sent, "messages from %d on were lost without a word", expected)
	})
}
