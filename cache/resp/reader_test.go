package resp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// readAll reads commands until the input ends or is refused.
func readAll(src io.Reader, limits Limits, trusted bool) (commands [][]string, refused error) {
	r := newReader(src, limits.withDefaults(), trusted)
	for {
		args, err := r.next()
		switch {
		case errors.Is(err, errIncomplete):
			if r.fill() != nil {
				return commands, nil
			}
		case err != nil:
			return commands, err
		case len(args) > 0:
			commands = append(commands, append([]string(nil), args...))
		}
	}
}

var readerCases = []struct {
	name, input string
	want        [][]string
	refused     string
}{
	{"nothing", "", nil, ""},
	{"an array", "*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n", [][]string{{"ECHO", "a\r\n"}}, ""},
	{"one after the other", encode("PING") + encode("SET", "", "\x00") + encode("GET", "k"), [][]string{{"PING"}, {"SET", "", "\x00"}, {"GET", "k"}}, ""},
	{"empty arrays are nothing", "*0\r\n*-1\r\n*-5\r\n" + encode("PING"), [][]string{{"PING"}}, ""},
	{"partial", "*2\r\n$4\r\nECHO\r\n$30\r\na", nil, ""},
	{"nested", "*1\r\n*1\r\n$1\r\na\r\n", nil, "expected '$', got '*'"},
	{"no length", "*1\r\n+PING\r\n", nil, "expected '$', got '+'"},
	{"array length", "*x\r\n", nil, "invalid multibulk length"},
	{"array length with a plus", "*+1\r\n", nil, "invalid multibulk length"},
	{"array length too big", "*2147483647\r\n$1\r\na\r\n", nil, "invalid multibulk length"},
	{"array length beyond 64 bits", "*99999999999999999999\r\n", nil, "invalid multibulk length"},
	{"array length without end", "*" + strings.Repeat("1", 70000), nil, "too big mbulk count string"},
	{"bulk length", "*1\r\n$x\r\n", nil, "invalid bulk length"},
	{"bulk length below zero", "*1\r\n$-1\r\n", nil, "invalid bulk length"},
	{"bulk length too big", "*1\r\n$9223372036854775807\r\na\r\n", nil, "invalid bulk length"},
	{"bulk length without end", "*1\r\n$" + strings.Repeat("1", 70000), nil, "too big bulk count string"},
	{"what came before is read", encode("PING") + "*1\r\n$-1\r\n", [][]string{{"PING"}}, "invalid bulk length"},

	{"a line", "PING\r\n", [][]string{{"PING"}}, ""},
	{"a line without \\r", "set  a\tb \n", [][]string{{"set", "a", "b"}}, ""},
	{"empty lines", "\r\n \r\n\nPING\n", [][]string{{"PING"}}, ""},
	{"quotes", `a "b c" 'd "e' "" "\x41\n\"\q" 'it\'s\n'` + "\n", [][]string{{"a", "b c", `d "e`, "", "A\n\"q", `it's\n`}}, ""},
	{"a quote within a word", `a"b c"` + "\n", [][]string{{"ab c"}}, ""},
	{"a zero byte ends the line", "PING\x00 more\n", [][]string{{"PING"}}, ""},
	{"an open quote", "a \"b\n", nil, "unbalanced quotes in request"},
	{"an open apostrophe", "a 'b\n", nil, "unbalanced quotes in request"},
	{"a quote into a word", "\"a\"b\n", nil, "unbalanced quotes in request"},
	{"a long line", strings.Repeat("a", 70000) + "\n", nil, "too big inline request"},
	{"a line without end", strings.Repeat("a", 70000), nil, "too big inline request"},
}

func TestReader(t *testing.T) {
	for _, c := range readerCases {
		t.Run(c.name, func(t *testing.T) {
			for name, src := range map[string]io.Reader{
				"at once":      strings.NewReader(c.input),
				"byte by byte": iotest.OneByteReader(strings.NewReader(c.input)),
			} {
				commands, err := readAll(src, Limits{}, true)
				require.Equal(t, c.want, commands, name)
				if c.refused == "" {
					require.NoError(t, err, name)
				} else {
					require.EqualError(t, err, "Protocol error: "+c.refused, name)
				}
			}
		})
	}
}

func TestReaderLimits(t *testing.T) {
	small := Limits{Args: 3, Bulk: 100, Command: 400, Inline: 50}
	for _, c := range []struct {
		name, input string
		trusted     bool
		refused     string
	}{
		{"arguments", encode("a", "b", "c"), true, ""},
		{"one argument more", encode("a", "b", "c", "d"), true, "invalid multibulk length"},
		{"bulk", encode(strings.Repeat("a", 100)), true, ""},
		{"one byte more", encode(strings.Repeat("a", 101)), true, "invalid bulk length"},
		{"command", encode(strings.Repeat("a", 100), strings.Repeat("a", 100), strings.Repeat("a", 8)), true, ""},
		{"one byte more in all", encode(strings.Repeat("a", 100), strings.Repeat("a", 100), strings.Repeat("a", 9)), true, "command is too big"},
		{"line", strings.Repeat("a", 50) + "\n", true, ""},
		{"one byte more in a line", strings.Repeat("a", 51) + "\n", true, "too big inline request"},
	} {
		_, err := readAll(strings.NewReader(c.input), small, c.trusted)
		if c.refused == "" {
			require.NoError(t, err, c.name)
		} else {
			require.EqualError(t, err, "Protocol error: "+c.refused, c.name)
		}
	}
	_, err := readAll(strings.NewReader("*11\r\n"), Limits{}, false)
	require.EqualError(t, err, "Protocol error: unauthenticated multibulk length")
	_, err = readAll(strings.NewReader("*1\r\n$16385\r\n"), Limits{}, false)
	require.EqualError(t, err, "Protocol error: unauthenticated bulk length")
}

// What is announced takes no room before it is there.
func TestReaderHoldsOnlyWhatCame(t *testing.T) {
	r := newReader(strings.NewReader("*1000000\r\n$1\r\na\r\n$60000000\r\nabc"), Limits{}.withDefaults(), true)
	for {
		_, err := r.next()
		require.ErrorIs(t, err, errIncomplete)
		if r.fill() != nil {
			break
		}
	}
	require.LessOrEqual(t, cap(r.buf), readerSize)
	require.LessOrEqual(t, cap(r.spans), 8)
}

// After a large command the buffer is small again.
func TestReaderLetsGo(t *testing.T) {
	r := newReader(strings.NewReader(encode("a", strings.Repeat("b", 1<<20))+encode("PING")), Limits{}.withDefaults(), true)
	for range 2 {
		args, err := r.next()
		for errors.Is(err, errIncomplete) {
			require.NoError(t, r.fill())
			args, err = r.next()
		}
		require.NotEmpty(t, args)
	}
	require.Error(t, r.fill())
	require.LessOrEqual(t, cap(r.buf), readerSize)
}

// FuzzReader reads whatever may come: the same commands and the same refusal in
// one piece and byte by byte, and what a library would send for them reads back.
func FuzzReader(f *testing.F) {
	for _, c := range readerCases {
		if len(c.input) < 1000 {
			f.Add([]byte(c.input))
		}
	}
	limits := Limits{Args: 100, Bulk: 1000, Command: 5000, Inline: 500}
	f.Fuzz(func(t *testing.T, input []byte) {
		commands, refused := readAll(bytes.NewReader(input), limits, true)
		slowly, refusedSlowly := readAll(iotest.OneByteReader(bytes.NewReader(input)), limits, true)
		require.Equal(t, commands, slowly)
		require.Equal(t, refused, refusedSlowly)
		var again strings.Builder
		for _, args := range commands {
			again.WriteString(encode(args...))
		}
		reread, err := readAll(strings.NewReader(again.String()), Limits{}, true)
		require.NoError(t, err)
		require.Equal(t, commands, reread)
	})
}
