package resp

import (
	"crypto/sha256"
	"crypto/subtle"

	"hyperlocal/cache"
)

func connectionCommands() []command {
	const group = "connection"
	return []command{
		{name: "ping", arity: -1, flags: fast | subscribed, group: group, summary: "Answer PONG, or the argument.", run: ping},
		{name: "echo", arity: 2, flags: fast, group: group, summary: "Answer the argument.", run: echo},
		{name: "auth", arity: -2, flags: fast | beforeAuth, group: group, summary: "Give the password.", run: auth},
		{name: "hello", arity: -1, flags: fast | beforeAuth, group: group, summary: "Choose the protocol.", run: hello},
		{name: "select", arity: 2, flags: fast, group: group, summary: "Choose database 0, the only one.", run: selectDB},
		{name: "quit", arity: -1, flags: fast | beforeAuth | subscribed, group: group, summary: "End the connection.", run: quit},
		{name: "reset", arity: 1, flags: fast | beforeAuth | subscribed, group: group, summary: "Make the connection as new.", run: reset},
		clientCommand(),
	}
}

func ping(c *client, args []string) error {
	switch {
	case len(args) > 1:
		return errArity("ping")
	case !c.w.resp3 && c.listens.total() > 0:
		c.w.array(2)
		c.w.bulk("pong")
		c.w.bulk(append(args, "")[0])
	case len(args) == 1:
		c.w.bulk(args[0])
	default:
		c.w.status("PONG")
	}
	return nil
}

func echo(c *client, args []string) error {
	c.w.bulk(args[0])
	return nil
}

func quit(c *client, _ []string) error {
	c.w.ok()
	c.done = true
	return nil
}

func selectDB(c *client, args []string) error {
	n, err := integer(args[0])
	if err != nil {
		return err
	}
	if n != 0 {
		return refusal("ERR DB index is out of range")
	}
	c.w.ok()
	return nil
}

// userName is the one user there is.
const userName = "default"

func auth(c *client, args []string) error {
	user, password := userName, args[0]
	switch {
	case len(args) > 2:
		return errSyntax
	case len(args) == 2:
		user, password = args[0], args[1]
	case c.srv.opt.Password == "":
		return refusal("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	}
	if err := c.login(user, password); err != nil {
		return err
	}
	c.w.ok()
	return nil
}

// login compares in a time that does not tell how much of a password is right.
// Without a password configured any will do, as in Redis.
func (c *client) login(user, password string) error {
	want, have := sha256.Sum256([]byte(c.srv.opt.Password)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(want[:], have[:]) == 1
	if user != userName || c.srv.opt.Password != "" && !same {
		c.srv.opt.Logger.Warn("a Redis client gave a wrong user or password", "client", c.conn.RemoteAddr().String())
		return errWrongPass
	}
	c.trust()
	return nil
}

func hello(c *client, args []string) error {
	protocol := int64(0) // as it is
	if len(args) > 0 {
		var ok bool
		if protocol, ok = parseInt(args[0]); !ok {
			return refusal("ERR Protocol version is not an integer or out of range")
		}
		if protocol != 2 && protocol != 3 {
			return refusal("NOPROTO unsupported protocol version")
		}
		args = args[1:]
	}
	for len(args) > 0 {
		switch {
		case is(args[0], "auth") && len(args) > 2:
			if err := c.login(args[1], args[2]); err != nil {
				return err
			}
			args = args[3:]
		case is(args[0], "setname") && len(args) > 1:
			if err := c.setName(args[1]); err != nil {
				return err
			}
			args = args[2:]
		default:
			return refusef("ERR Syntax error in HELLO option '%s'", args[0])
		}
	}
	if !c.in.trusted {
		return refusal("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
	}
	if protocol != 0 {
		c.speak(int(protocol))
	}
	c.greet()
	return nil
}

// speak changes the protocol, of messages that are published too.
func (c *client) speak(protocol int) {
	c.w.resp3 = protocol == 3
	c.mu.Lock()
	c.protocol = protocol
	c.mu.Unlock()
	if c.sub != nil {
		c.sub.mu.Lock()
		c.sub.out.resp3 = c.w.resp3
		c.sub.mu.Unlock()
	}
}

// greet is HELLO's answer.
func (c *client) greet() {
	w := &c.w
	w.mapping(7)
	w.bulk("server")
	w.bulk("redis")
	w.bulk("version")
	w.bulk(RedisVersion)
	w.bulk("proto")
	w.integer(int64(c.protocol))
	w.bulk("id")
	w.integer(c.id)
	w.bulk("mode")
	w.bulk("standalone")
	w.bulk("role")
	w.bulk("master")
	w.bulk("modules")
	w.array(0)
}

func reset(c *client, _ []string) error {
	if c.sub != nil {
		if err := c.sub.reset(c.life); err != nil {
			return err
		}
	}
	c.speak(2)
	c.mu.Lock()
	c.name = ""
	c.mu.Unlock()
	c.in.trusted = c.srv.opt.Password == ""
	c.awaitLogin()
	c.w.status("RESET")
	return nil
}

// optional is the reply for a string that may be missing.
func (w *writer) optional(v cache.Optional) {
	if v.OK {
		w.bulk(v.Str)
	} else {
		w.null()
	}
}

// optionals is a list of strings any of which may be missing.
func (w *writer) optionals(list []cache.Optional) {
	w.array(len(list))
	for _, v := range list {
		w.optional(v)
	}
}
