package resp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/memory"
)

// A channel has one name, however it is subscribed to: what the product
// publishes, all see.
func TestOneNamespaceOfChannels(t *testing.T) {
	e, err := memory.Open(memory.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	_, addr := start(t, e, Options{})
	p := dial(t, addr)
	p.do("SUBSCRIBE", "c")
	p.do("SSUBSCRIBE", "c")
	n, err := e.Publish(t.Context(), "c", "from the product")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, `*[$"message" $"c" $"from the product"]`, p.receive().String())
	require.Equal(t, `*[$"smessage" $"c" $"from the product"]`, p.receive().String())

	require.Equal(t, `*[$"unsubscribe" $"c" :"0"]`, p.do("UNSUBSCRIBE", "c").String())
	_, err = e.Publish(t.Context(), "c", "again")
	require.NoError(t, err)
	require.Equal(t, `*[$"smessage" $"c" $"again"]`, p.receive().String(), "the other subscription stays")

	sub, err := e.Subscribe(t.Context(), "d")
	require.NoError(t, err)
	other := dial(t, addr)
	require.Equal(t, `:"1"`, other.do("PUBLISH", "d", "from a client").String())
	require.Equal(t, "from a client", (<-sub.C()).Payload)
}

// A confirmation stands before the messages that it announces, and they come in
// order, whatever is published meanwhile.
func TestConfirmationsComeFirst(t *testing.T) {
	_, addr := startMemory(t, Options{})
	publisher := dial(t, addr)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				publisher.do("PUBLISH", "c", fmt.Sprint(i))
			}
		}
	}()
	p := dial(t, addr)
	for range 200 {
		p.send(encode("SUBSCRIBE", "c"))
		require.Equal(t, "subscribe", p.receive().list[0].text)
		last := -1
		for range 3 {
			var n int
			_, err := fmt.Sscan(p.receive().list[2].text, &n)
			require.NoError(t, err)
			require.Greater(t, n, last)
			last = n
		}
		p.send(encode("UNSUBSCRIBE", "c"))
		for p.receive().list[0].text != "unsubscribe" {
		}
	}
	close(stop)
	<-stopped
}

// A subscriber that does not read is cut off before it costs more than it may,
// and nobody who publishes waits for it.
func TestSlowSubscriber(t *testing.T) {
	s, addr := startMemory(t, Options{Limits: Limits{Output: 1 << 20}})
	slow, publisher := dial(t, addr), dial(t, addr)
	slow.do("SUBSCRIBE", "c")
	payload := strings.Repeat("x", 64<<10)
	for i := 0; len(s.list()) == 2; i++ {
		require.Less(t, i, 2000, "never cut off")
		publisher.do("PUBLISH", "c", payload)
	}
	slow.closed()
	require.Equal(t, `+"PONG"`, publisher.do("PING").String())
}

// One that reads gets all of a long row, however fast it is published.
func TestBusySubscriber(t *testing.T) {
	_, addr := startMemory(t, Options{})
	p, publisher := dial(t, addr), dial(t, addr)
	p.do("HELLO", "3")
	p.do("SUBSCRIBE", "c")
	const n = 10_000
	go func() { _, _ = publisher.conn.Write([]byte(strings.Repeat(encode("PUBLISH", "c", "m"), n))) }()
	for range n {
		require.Equal(t, `>[$"message" $"c" $"m"]`, p.receive().String())
		publisher.receive()
	}
	require.Equal(t, `+"PONG"`, p.do("PING").String())
}

// The names of what a client listens to are bounded.
func TestManySubscriptions(t *testing.T) {
	_, addr := startMemory(t, Options{Limits: Limits{Output: 10_000}})
	p := dial(t, addr)
	name := strings.Repeat("c", 1000)
	for i := range 9 {
		require.Equal(t, "subscribe", p.do("SUBSCRIBE", fmt.Sprint(name, i)).list[0].text)
	}
	require.Equal(t, `-"ERR too many subscriptions for one client"`, p.do("SUBSCRIBE", name).String())
	p.do("UNSUBSCRIBE", name+"0")
	p.do("UNSUBSCRIBE", name+"1")
	require.Equal(t, "subscribe", p.do("SUBSCRIBE", name).list[0].text)
}
