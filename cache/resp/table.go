package resp

import (
	"maps"
	"slices"
	"strings"
)

// flags say what a command does, in the words of COMMAND INFO.
type flags uint16

const (
	write      flags = 1 << iota // may change a key
	readOnly                     // reads keys
	pubSub                       // about channels
	blocking                     // may wait
	beforeAuth                   // answered before the password was given
	subscribed                   // answered to a subscriber that speaks RESP2
	fast                         // its time does not grow with a key's size
)

// flagNames are those that COMMAND INFO shows.
var flagNames = []struct {
	flag flags
	name string
}{
	{write, "write"}, {readOnly, "readonly"}, {pubSub, "pubsub"}, {blocking, "blocking"}, {beforeAuth, "no_auth"}, {fast, "fast"},
}

// keysAt says which arguments are keys, the command's name being argument 0: the
// first, the last (negative: from the end) and the step. Zeros: none, or not
// at fixed places.
type keysAt struct{ first, last, step int }

var (
	oneKey   = keysAt{1, 1, 1}
	allKeys  = keysAt{1, -1, 1}
	evenKeys = keysAt{1, -1, 2}
)

// command is one entry of the table.
type command struct {
	name    string // in lower case; of a subcommand "config|get"
	arity   int    // arguments with the names; negative: at least so many
	flags   flags
	keys    keysAt
	group   string
	summary string
	// run answers. args begin after the names. What it returns is the reply
	// instead, so it writes nothing before it can no longer fail.
	run func(c *client, args []string) error
	// sub are subcommands by name, for a command that does nothing by itself.
	sub map[string]*command
}

// lookup finds the command that args call, and how many of them are its name.
// It is nil if there is none, or if the subcommand is not known.
func (s *Server) lookup(args []string) (cmd *command, names int) {
	cmd = find(s.commands, args[0])
	if cmd == nil || cmd.sub == nil || len(args) == 1 {
		return cmd, 1
	}
	return find(cmd.sub, args[1]), 2
}

// find looks a name up whatever its case.
func find(table map[string]*command, name string) *command {
	var lower [32]byte
	if len(name) > len(lower) {
		return nil
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return table[string(lower[:len(name)])]
}

// takes tells whether the command takes n arguments, names included.
func (cmd *command) takes(n int) bool {
	if cmd.arity < 0 {
		return n >= -cmd.arity
	}
	return n == cmd.arity
}

// newTable is the whole list of commands: what is not here does not exist.
func newTable() map[string]*command {
	table := map[string]*command{}
	for _, part := range [][]command{
		connectionCommands(), serverCommands(), pubSubCommands(), keyCommands(), stringCommands(), hashCommands(),
		listCommands(), setCommands(), sortedSetCommands(), geoCommands(), hyperLogLogCommands(), streamCommands(),
	} {
		for _, cmd := range part {
			table[cmd.name] = &cmd
		}
	}
	return table
}

// container is a command whose subcommands do the work. They are named without
// its name, which is put in front, and HELP is added.
func container(name, group, summary string, subs ...command) command {
	c := command{name: name, arity: -2, group: group, summary: summary, sub: map[string]*command{}}
	help := command{name: "help", arity: 2, summary: "List the subcommands."}
	help.run = func(cl *client, _ []string) error {
		names := sortedKeys(c.sub)
		cl.w.array(1 + 2*len(names))
		cl.w.status(strings.ToUpper(name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
		for _, n := range names {
			cl.w.status(strings.ToUpper(n))
			cl.w.status("    " + c.sub[n].summary)
		}
		return nil
	}
	for _, sub := range append(subs, help) {
		short := sub.name
		sub.name, sub.group = name+"|"+short, group
		c.sub[short] = &sub
	}
	return c
}

func sortedKeys[V any](table map[string]V) []string { return slices.Sorted(maps.Keys(table)) }
