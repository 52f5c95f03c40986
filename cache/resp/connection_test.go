package resp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAuth(t *testing.T) {
	_, addr := startMemory(t, Options{Password: "secret"})
	t.Run("nothing works before", func(t *testing.T) {
		p := dial(t, addr)
		for _, args := range [][]string{{"PING"}, {"GET", "k"}, {"CLIENT", "ID"}, {"SUBSCRIBE", "c"}, {"COMMAND"}} {
			require.Equal(t, `-"NOAUTH Authentication required."`, p.do(args...).String(), "%q", args)
		}
		require.Equal(t, `-"ERR unknown command 'nosuch', with args beginning with: "`, p.do("nosuch").String())
		require.Contains(t, p.do("HELLO", "3").text, "NOAUTH HELLO must be called")
		require.Equal(t, `+"OK"`, p.do("QUIT").String())
		p.closed()
	})
	t.Run("AUTH", func(t *testing.T) {
		p := dial(t, addr)
		for _, args := range [][]string{
			{"AUTH", "wrong"}, {"AUTH", ""}, {"AUTH", "secretsecret"}, {"AUTH", "nobody", "secret"}, {"AUTH", "default", "x"},
			{"HELLO", "3", "AUTH", "default", "x"},
		} {
			require.Equal(t, `-"WRONGPASS invalid username-password pair or user is disabled."`, p.do(args...).String(), "%q", args)
		}
		require.Equal(t, `+"OK"`, p.do("AUTH", "secret").String())
		require.Equal(t, `+"PONG"`, p.do("PING").String())
		require.Equal(t, `-"WRONGPASS invalid username-password pair or user is disabled."`, p.do("AUTH", "x").String())
		require.Equal(t, `+"PONG"`, p.do("PING").String(), "a wrong password later takes nothing away")
		require.Equal(t, `+"RESET"`, p.do("RESET").String())
		require.Equal(t, `-"NOAUTH Authentication required."`, p.do("PING").String())
		require.Equal(t, `+"OK"`, p.do("AUTH", "default", "secret").String())
		require.Equal(t, `+"PONG"`, p.do("PING").String())
	})
	t.Run("HELLO", func(t *testing.T) {
		p := dial(t, addr)
		r := p.do("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me")
		require.EqualValues(t, '%', r.kind)
		require.Equal(t, `$"me"`, p.do("CLIENT", "GETNAME").String())
	})
	t.Run("strangers may send little", func(t *testing.T) {
		p := dial(t, addr)
		p.send("*11\r\n")
		require.Equal(t, `-"ERR Protocol error: unauthenticated multibulk length"`, p.receive().String())
		p.closed()
		p = dial(t, addr)
		p.send("*2\r\n$4\r\nAUTH\r\n$16385\r\n")
		require.Equal(t, `-"ERR Protocol error: unauthenticated bulk length"`, p.receive().String())
		p.closed()
	})
}

func TestStrangersAreNotWaitedFor(t *testing.T) {
	_, addr := startMemory(t, Options{Password: "secret", Limits: Limits{Login: 50 * time.Millisecond}})
	known, stranger := dial(t, addr), dial(t, addr)
	require.Equal(t, `+"OK"`, known.do("AUTH", "secret").String())
	stranger.closed()
	require.Equal(t, `+"PONG"`, known.do("PING").String(), "one who has given the password may be silent")
}

func TestHello(t *testing.T) {
	_, addr := startMemory(t, Options{})
	p := dial(t, addr)
	require.Equal(t, `*[$"server" $"redis" $"version" $"7.0.15" $"proto" :"2" $"id" :"1" $"mode" $"standalone" $"role" $"master" $"modules" *[]]`,
		p.do("HELLO").String())
	r := p.do("HELLO", "3")
	require.EqualValues(t, '%', r.kind)
	require.Equal(t, `:"3"`, r.list[5].String())
	require.Equal(t, `_null`, p.do("GET", "nosuch").String())
	require.Equal(t, `*[$"server" $"redis"`, p.do("HELLO", "2").String()[:len(`*[$"server" $"redis"`)])
	require.Equal(t, `$null`, p.do("GET", "nosuch").String())
}

func TestProtocolErrorsEndTheConnection(t *testing.T) {
	_, addr := startMemory(t, Options{})
	for _, c := range []struct{ input, want string }{
		{"*1\r\n$9223372036854775807\r\na\r\n", "ERR Protocol error: invalid bulk length"},
		{"*2147483647\r\n$1\r\na\r\n", "ERR Protocol error: invalid multibulk length"},
		{"*1\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'"},
		{"GET 'a\r\n", "ERR Protocol error: unbalanced quotes in request"},
	} {
		p := dial(t, addr)
		p.send("PING\r\n" + c.input)
		require.Equal(t, `+"PONG"`, p.receive().String())
		require.Equal(t, c.want, p.receive().text)
		p.closed()
	}
	require.Equal(t, `+"PONG"`, dial(t, addr).do("PING").String())
}

func TestInlineCommands(t *testing.T) {
	_, addr := startMemory(t, Options{})
	p := dial(t, addr)
	p.send("SET k \"a b\"\r\nGET k\nping\r\n")
	require.Equal(t, `+"OK"`, p.receive().String())
	require.Equal(t, `$"a b"`, p.receive().String())
	require.Equal(t, `+"PONG"`, p.receive().String())
}

// A page that has a browser post commands to this port gets nowhere.
func TestWebRequestsAreCutOff(t *testing.T) {
	_, addr := startMemory(t, Options{})
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k evil\r\n",
		"GET / HTTP/1.1\r\nHost: localhost:6379\r\n\r\nSET k evil\r\n",
	} {
		p := dial(t, addr)
		p.send(request)
		p.closed()
	}
	require.Equal(t, `$null`, dial(t, addr).do("GET", "k").String())
}

// Replies come in order and as soon as there is nothing more to read, wherever
// the requests are cut.
func TestPipelines(t *testing.T) {
	_, addr := startMemory(t, Options{})
	p := dial(t, addr)
	const n = 5000
	request := strings.Repeat(encode("INCR", "n"), n) + encode("ECHO", strings.Repeat("x", 100_000))
	go func() {
		for len(request) > 0 {
			cut := min(7919, len(request))
			if _, err := p.conn.Write([]byte(request[:cut])); err != nil {
				return
			}
			request = request[cut:]
		}
	}()
	for i := range n {
		r := p.receive()
		require.EqualValues(t, ':', r.kind)
		if i == n-1 {
			require.Equal(t, "5000", r.text)
		}
	}
	require.Len(t, p.receive().text, 100_000)
}

func TestReadOnly(t *testing.T) {
	s, addr := startMemory(t, Options{ReadOnly: true})
	p := dial(t, addr)
	for name, cmd := range s.commands {
		if cmd.flags&write == 0 {
			continue
		}
		args := []string{name}
		for range max(cmd.arity, -cmd.arity) - 1 {
			args = append(args, "1")
		}
		require.Equal(t, `-"READONLY You can't write against a read only replica."`, p.do(args...).String(), name)
	}
	require.Equal(t, `$null`, p.do("GET", "k").String())
	require.Equal(t, `:"0"`, p.do("PUBLISH", "c", "m").String(), "as on a replica")
	require.Equal(t, `*[$"replica-read-only" $"yes"]`, p.do("CONFIG", "GET", "replica-read-only").String())
}

func TestClientList(t *testing.T) {
	_, addr := startMemory(t, Options{})
	a, b := dial(t, addr), dial(t, addr)
	require.Equal(t, `+"OK"`, a.do("CLIENT", "SETNAME", "first").String())
	require.Equal(t, `+"OK"`, a.do("CLIENT", "SETINFO", "LIB-NAME", "mine").String())
	require.Equal(t, `+"OK"`, a.do("CLIENT", "SETINFO", "lib-ver", "1.2").String())
	require.Equal(t, `-"ERR Unrecognized option 'x'"`, a.do("CLIENT", "SETINFO", "x", "y").String())
	require.Equal(t, `-"ERR lib-ver cannot contain spaces, newlines or special characters."`, a.do("CLIENT", "SETINFO", "lib-ver", "1 2").String())
	require.Contains(t, a.do("CLIENT", "SETNAME", strings.Repeat("n", 1025)).text, "ERR Client names")
	b.do("SUBSCRIBE", "c")
	list := a.do("CLIENT", "LIST").text
	require.Equal(t, 2, strings.Count(list, "\n"))
	for _, part := range []string{" name=first ", " lib-name=mine lib-ver=1.2 ", " cmd=client|list ", " flags=P db=0 sub=1 ", "resp=2\n"} {
		require.Contains(t, list, part)
	}
	require.Equal(t, 1, strings.Count(a.do("CLIENT", "LIST", "TYPE", "pubsub").text, "\n"))
	require.Equal(t, 1, strings.Count(a.do("CLIENT", "LIST", "ID", a.do("CLIENT", "ID").text, "99").text, "\n"))
	require.Equal(t, 1, strings.Count(a.do("CLIENT", "INFO").text, "\n"))
	require.Contains(t, a.do("CLIENT", "TRACKING", "ON").text, "not supported")
}
