package resp

import (
	"fmt"
	"strings"
	"time"
)

func clientCommand() command {
	return container("client", "connection", "About connections.",
		command{name: "id", arity: 2, summary: "Answer the number of this connection.", run: clientID},
		command{name: "getname", arity: 2, summary: "Answer the name of this connection.", run: clientGetName},
		command{name: "setname", arity: 3, summary: "Name this connection.", run: clientSetName},
		command{name: "setinfo", arity: 4, summary: "Tell the name or version of the library: LIB-NAME or LIB-VER.", run: clientSetInfo},
		command{name: "list", arity: -2, summary: "Show the connections: all, TYPE NORMAL or PUBSUB, or ID so and so.", run: clientList},
		command{name: "info", arity: 2, summary: "Show this connection.", run: clientInfo},
		command{name: "no-evict", arity: 3, summary: "Taken and without effect: no connection is ended for memory.", run: clientSwitch},
		command{name: "no-touch", arity: 3, summary: "Taken and without effect.", run: clientSwitch},
		command{name: "tracking", arity: -3, summary: "OFF; caching by clients cannot be turned on.", run: clientTracking},
	)
}

func clientID(c *client, _ []string) error {
	c.w.integer(c.id)
	return nil
}

func clientGetName(c *client, _ []string) error {
	if c.name == "" {
		c.w.null()
	} else {
		c.w.bulk(c.name)
	}
	return nil
}

func clientSetName(c *client, args []string) error {
	if err := c.setName(args[0]); err != nil {
		return err
	}
	c.w.ok()
	return nil
}

func (c *client) setName(name string) error {
	if !printable(name) {
		return refusal("ERR Client names cannot contain spaces, newlines or special characters.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = name
	return nil
}

// maxName is how long the names that a client gives itself may be.
const maxName = 1024

// printable tells whether a word can stand in a line of CLIENT LIST.
func printable(s string) bool {
	if len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

func clientSetInfo(c *client, args []string) error {
	which := 0
	switch {
	case is(args[0], "lib-ver"):
		which = 1
	case !is(args[0], "lib-name"):
		return refusef("ERR Unrecognized option '%s'", args[0])
	}
	if !printable(args[1]) {
		return refusef("ERR %s cannot contain spaces, newlines or special characters.", strings.ToLower(args[0]))
	}
	c.mu.Lock()
	c.lib[which] = args[1]
	c.mu.Unlock()
	c.w.ok()
	return nil
}

func clientSwitch(c *client, args []string) error {
	if !is(args[0], "on") && !is(args[0], "off") {
		return errSyntax
	}
	c.w.ok()
	return nil
}

// clientTracking refuses to promise invalidations that would never come: a
// library would answer from its cache for ever.
func clientTracking(c *client, args []string) error {
	switch {
	case is(args[0], "on"):
		return refusal("ERR caching by clients is not supported by this server: turn it off in the client's options")
	case !is(args[0], "off"):
		return errSyntax
	}
	c.w.ok()
	return nil
}

func clientInfo(c *client, _ []string) error {
	c.w.verbatim(c.line() + "\n")
	return nil
}

func clientList(c *client, args []string) error {
	wanted, err := clientFilter(args)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, other := range c.srv.list() {
		if wanted(other) {
			lines.WriteString(other.line() + "\n")
		}
	}
	c.w.verbatim(lines.String())
	return nil
}

// clientFilter understands the arguments of CLIENT LIST.
func clientFilter(args []string) (func(c *client) bool, error) {
	switch {
	case len(args) == 0:
		return func(*client) bool { return true }, nil
	case is(args[0], "type") && len(args) == 2:
		return typeFilter(args[1])
	case is(args[0], "id") && len(args) > 1:
		ids := map[int64]bool{}
		for _, arg := range args[1:] {
			id, ok := parseInt(arg)
			if !ok {
				return nil, refusal("ERR Invalid client ID")
			}
			ids[id] = true
		}
		return func(c *client) bool { return ids[c.id] }, nil
	}
	return nil, errSyntax
}

func typeFilter(kind string) (func(c *client) bool, error) {
	switch {
	case is(kind, "normal"):
		return func(c *client) bool { return c.listening().total() == 0 }, nil
	case is(kind, "pubsub"):
		return func(c *client) bool { return c.listening().total() > 0 }, nil
	case is(kind, "master"), is(kind, "replica"), is(kind, "slave"):
		return func(*client) bool { return false }, nil
	}
	return nil, refusef("ERR Unknown client type '%s'", kind)
}

func (c *client) listening() listening {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listens
}

// line describes the connection for CLIENT LIST. From any goroutine.
func (c *client) line() string {
	c.mu.Lock()
	name, lib, protocol, listens := c.name, c.lib, c.protocol, c.listens
	c.mu.Unlock()
	now := time.Now()
	flags, last := "N", "NULL"
	if listens.total() > 0 {
		flags = "P"
	}
	if cmd := c.lastCommand.Load(); cmd != nil {
		last = cmd.name
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s name=%s age=%d idle=%d flags=%s db=0 sub=%d psub=%d ssub=%d multi=-1 cmd=%s user=%s lib-name=%s lib-ver=%s resp=%d",
		c.id, c.conn.RemoteAddr(), c.conn.LocalAddr(), name, int(now.Sub(c.born).Seconds()), (now.UnixMilli()-c.lastActive.Load())/1000,
		flags, listens.channels, listens.patterns, listens.shards, last, userName, lib[0], lib[1], protocol)
}
