package resp

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool is a program of Redis's own, with the arguments that lead it to addr.
func tool(t *testing.T, name, addr string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("HYPERLOCAL_TEST_REQUIRE") != "1" {
		t.Skipf("%s is not in PATH", name)
	}
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return exec.CommandContext(t.Context(), path, append([]string{"-h", host, "-p", port}, args...)...)
}

func TestRedisCLI(t *testing.T) {
	_, addr := startMemory(t, Options{Password: "secret"})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"SET", "greeting", "hello there"}, "OK"},
		{[]string{"GET", "greeting"}, "hello there"},
		{[]string{"-3", "HSET", "h", "f", "v"}, "1"},
		{[]string{"-3", "HGETALL", "h"}, "f v"},
		{[]string{"--scan", "--pattern", "greet*"}, "greeting"},
		{[]string{"GEOADD", "g", "77.5946", "12.9716", "rider"}, "1"},
		{[]string{"GEOSEARCH", "g", "FROMLONLAT", "77.59", "12.97", "BYRADIUS", "2", "km"}, "rider"},
		{[]string{"DBSIZE"}, "3"},
		{[]string{"-r", "3", "INCR", "n"}, "1\n2\n3"},
		{[]string{"DEBUG", "SLEEP", "0"}, "ERR unknown command 'DEBUG', with args beginning with: 'SLEEP' '0'"},
	} {
		cmd := tool(t, "redis-cli", addr, append([]string{"-a", "secret", "--no-auth-warning"}, c.args...)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%q: %s", c.args, out)
		require.Equal(t, c.want, strings.TrimSpace(string(out)), "%q", c.args)
	}
	out, err := tool(t, "redis-cli", addr, "GET", "greeting").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), "NOAUTH")

	// It asks for the length of every key by its type, and says what failed.
	for args, want := range map[string]string{"--bigkeys": "2 strings with 12 bytes", "--memkeys": "2 strings with"} {
		out, err := tool(t, "redis-cli", addr, "-a", "secret", "--no-auth-warning", args).CombinedOutput()
		require.NoError(t, err, "%s: %s", args, out)
		require.Contains(t, string(out), want)
		require.Contains(t, string(out), "Sampled 4 keys")
		require.NotContains(t, string(out), "failed")
	}

	t.Run("SUBSCRIBE", func(t *testing.T) {
		cmd := tool(t, "redis-cli", addr, "-a", "secret", "--no-auth-warning", "SUBSCRIBE", "news")
		pipe, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		lines := bufio.NewScanner(pipe)
		read := func(n int) (got []string) {
			for range n {
				require.True(t, lines.Scan())
				got = append(got, lines.Text())
			}
			return got
		}
		require.Equal(t, []string{"subscribe", "news", "1"}, read(3))
		p := dial(t, addr)
		p.do("AUTH", "secret")
		require.Equal(t, `:"1"`, p.do("PUBLISH", "news", "it works").String())
		require.Equal(t, []string{"message", "news", "it works"}, read(3))
	})
}

// Each test of redis-benchmark whose commands are here, one by one and
// pipelined. It ends at the first error.
func TestRedisBenchmark(t *testing.T) {
	_, addr := startMemory(t, Options{})
	tests := "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,zadd,lrange,mset"
	for _, pipeline := range []string{"1", "16"} {
		cmd := tool(t, "redis-benchmark", addr, "-t", tests, "-n", "1000", "-c", "5", "-P", pipeline, "-r", "100", "--csv")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		for _, name := range []string{"PING_INLINE", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "ZADD", "LRANGE_600", "MSET"} {
			require.Contains(t, string(out), `"`+name, "%s", out)
		}
	}
}
