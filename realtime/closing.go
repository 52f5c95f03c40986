package realtime

import "github.com/gorilla/websocket"

// closing is why a connection is ended. Of the codes of our own, 4000 to 4499
// mean "come back, after a random wait", 4500 to 4999 "do not come back before
// something is changed". docs/live-protocol.md lists them.
type closing struct {
	code int
	text string // at most 123 bytes, the room in a close frame
}

var (
	closeGoingAway = closing{websocket.CloseGoingAway, "server is going away; reconnect with jitter"}
	closeSlow      = closing{4000, "follower is too slow; reconnect with jitter"}
	closeEngine    = closing{4001, "engine is lost; reconnect with jitter"}
	closeGarbage   = closing{4500, "too many invalid messages"}
)
