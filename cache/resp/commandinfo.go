package resp

import "strings"

func commandCommand() command {
	c := container("command", "server", "About the commands; by itself, describe all.",
		command{name: "count", arity: 2, summary: "Count the commands.", run: commandCount},
		command{name: "info", arity: -2, summary: "Describe commands, or all.", run: commandInfo},
		command{name: "docs", arity: -2, summary: "Document commands, or all.", run: commandDocs},
	)
	c.arity, c.run = -1, describeAll
	return c
}

func commandCount(c *client, _ []string) error {
	c.w.integer(int64(len(c.srv.commands)))
	return nil
}

func describeAll(c *client, _ []string) error {
	c.w.array(len(c.srv.commands))
	for _, name := range sortedKeys(c.srv.commands) {
		c.w.describe(c.srv.commands[name])
	}
	return nil
}

func commandInfo(c *client, args []string) error {
	if len(args) == 0 {
		return describeAll(c, nil)
	}
	c.w.array(len(args))
	for _, name := range args {
		if cmd := c.srv.named(name); cmd != nil {
			c.w.describe(cmd)
		} else {
			c.w.nullArray()
		}
	}
	return nil
}

// named finds a command by its name, or a subcommand by both: "config|get".
func (s *Server) named(name string) *command {
	first, second, nested := strings.Cut(name, "|")
	cmd := find(s.commands, first)
	if nested && cmd != nil {
		return find(cmd.sub, second)
	}
	return cmd
}

// describe writes the ten parts of COMMAND INFO. Access lists and hints, which
// this server has no use for, are empty.
func (w *writer) describe(cmd *command) {
	w.array(10)
	w.bulk(cmd.name)
	w.integer(int64(cmd.arity))
	var names []string
	for _, f := range flagNames {
		if cmd.flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	w.set(len(names))
	for _, n := range names {
		w.status(n)
	}
	w.integer(int64(cmd.keys.first))
	w.integer(int64(cmd.keys.last))
	w.integer(int64(cmd.keys.step))
	w.set(0) // access categories
	w.array(0)
	w.array(0) // key specifications
	w.array(len(cmd.sub))
	for _, name := range sortedKeys(cmd.sub) {
		w.describe(cmd.sub[name])
	}
}

func commandDocs(c *client, args []string) error {
	var found []*command
	if len(args) == 0 {
		args = sortedKeys(c.srv.commands)
	}
	for _, name := range args {
		if cmd := c.srv.named(name); cmd != nil {
			found = append(found, cmd)
		}
	}
	c.w.document(found)
	return nil
}

// document writes what redis-cli shows while one types.
func (w *writer) document(commands []*command) {
	w.mapping(len(commands))
	for _, cmd := range commands {
		w.bulk(cmd.name)
		fields := 2
		if cmd.sub != nil {
			fields = 3
		}
		w.mapping(fields)
		w.bulk("summary")
		w.bulk(cmd.summary)
		w.bulk("group")
		w.bulk(cmd.group)
		if cmd.sub != nil {
			w.bulk("subcommands")
			subs := make([]*command, 0, len(cmd.sub))
			for _, name := range sortedKeys(cmd.sub) {
				subs = append(subs, cmd.sub[name])
			}
			w.document(subs)
		}
	}
}

// unknown words the refusal of a command or subcommand that is not there. It
// quotes what was sent, but not much of it.
func (s *Server) unknown(args []string) refusal {
	const most = 128
	if len(args) > 1 && find(s.commands, args[0]) != nil {
		return refusef("ERR unknown subcommand '%s'. Try %s HELP.", args[1][:min(len(args[1]), most)], strings.ToUpper(args[0]))
	}
	var quoted strings.Builder
	for _, arg := range args[1:] {
		if quoted.Len() >= most {
			break
		}
		quoted.WriteString("'" + arg[:min(len(arg), most-quoted.Len())] + "' ")
	}
	return refusef("ERR unknown command '%s', with args beginning with: %s", args[0][:min(len(args[0]), most)], quoted.String())
}
