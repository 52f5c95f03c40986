//go:build unix

package redis_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/redis"
	"hyperlocal/internal/testenv"
)

// patience bounds every wait for a server.
const patience = 15 * time.Second

// server is a redis-server of the test's own, to be killed and frozen.
type server struct {
	addr string
	args []string
	cmd  *exec.Cmd
}

// startServer runs a private server on a free port with further arguments.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	testenv.Redis(t) // no service tests where there are no services
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{addr: l.Addr().String()}
	require.NoError(t, l.Close())
	s.args = append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(l.Addr().(*net.TCPAddr).Port),
		"--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}, args...)
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("HYPERLOCAL_TEST_REQUIRE") != "1" {
		t.Skip("redis-server is not in PATH")
	}
	require.NoError(t, err)
	s.cmd = exec.Command(path, s.args...)
	require.NoError(t, s.cmd.Start())
	require.Eventually(t, s.answers, patience, 5*time.Millisecond, "the server does not answer")
}

// answers tells whether the server replies at all, be it that it wants a
// password.
func (s *server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 1))
	return err == nil && n == 1
}

// kill is what a crash does: SIGKILL, and no goodbye to the clients.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func open(t *testing.T, url string, timeout time.Duration) *redis.Engine {
	t.Helper()
	e, err := redis.Open(t.Context(), url, redis.Options{Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

var setAndCount = &cache.Script{
	Name: "test.setAndCount",
	Lua:  `redis.call('SET', KEYS[1], ARGV[1]); return redis.call('INCR', KEYS[2])`,
}

// everyKind is one call of each kind that a server's absence must fail.
var everyKind = map[string]func(ctx context.Context, e *redis.Engine, sub cache.Subscription) error{
	"a read": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		_, err := e.Get(ctx, "k")
		return err
	},
	"a write": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		_, err := e.Set(ctx, "k", "v", cache.SetOptions{})
		return err
	},
	"several keys": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		_, err := e.MGet(ctx, "k", "l")
		return err
	},
	"a script": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		_, err := e.Run(ctx, setAndCount, []string{"{k}", "{k}n"}, []string{"v"})
		return err
	},
	"scripts": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		call := cache.Call{Script: setAndCount, Keys: []string{"{k}", "{k}n"}, Args: []string{"v"}}
		var errs []error
		for _, r := range e.RunAll(ctx, []cache.Call{call, call}) {
			errs = append(errs, r.Err)
		}
		return errors.Join(errs...)
	},
	"a publication": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		_, err := e.Publish(ctx, "c", "m")
		return err
	},
	"a subscription": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error {
		other, err := e.Subscribe(ctx, "other")
		if err != nil {
			return err
		}
		return other.Close()
	},
	"another channel": func(ctx context.Context, _ *redis.Engine, sub cache.Subscription) error {
		if err := sub.Add(ctx, "another"); err != nil {
			return err
		}
		return sub.Remove(ctx, "another")
	},
	"Ping": func(ctx context.Context, e *redis.Engine, _ cache.Subscription) error { return e.Ping(ctx) },
}

// requireUnavailable makes every kind of call with a deadline and requires that
// each says in time what is the matter.
func requireUnavailable(t *testing.T, e *redis.Engine, sub cache.Subscription, deadline time.Duration) {
	t.Helper()
	const slack = time.Second // of a busy machine
	for name, call := range everyKind {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		start := time.Now()
		err := call(ctx, e, sub)
		cancel()
		require.ErrorIs(t, err, cache.ErrUnavailable, name)
		require.Less(t, time.Since(start), deadline+slack, name)
	}
}

func next(t *testing.T, sub cache.Subscription) cache.Message {
	t.Helper()
	select {
	case m, ok := <-sub.C():
		require.True(t, ok, "the subscription was closed")
		return m
	case <-time.After(patience):
		require.FailNow(t, "no message came")
		return cache.Message{}
	}
}

func TestServerKilled(t *testing.T) {
	s := startServer(t)
	e := open(t, "redis://"+s.addr, time.Second)
	sub, err := e.Subscribe(t.Context(), "c", "d", "removed")
	require.NoError(t, err)
	for name, call := range everyKind {
		require.NoError(t, call(t.Context(), e, sub), name)
	}
	require.Equal(t, cache.Message{Channel: "c", Payload: "m"}, next(t, sub))

	s.kill()
	requireUnavailable(t, e, sub, 300*time.Millisecond)
	require.NoError(t, sub.Remove(t.Context(), "removed"), "what is gone can be removed")

	s.start(t)
	require.Eventually(t, func() bool { return e.Ping(t.Context()) == nil }, patience, 5*time.Millisecond)
	require.Equal(t, cache.Message{Lost: true}, next(t, sub))
	for _, ch := range []string{"c", "d"} {
		n, err := e.Publish(t.Context(), ch, "after")
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		require.Equal(t, cache.Message{Channel: ch, Payload: "after"}, next(t, sub))
	}
	n, err := e.Publish(t.Context(), "removed", "after")
	require.NoError(t, err)
	require.Zero(t, n)

	// The new server has never seen the script.
	results := e.RunAll(t.Context(), []cache.Call{
		{Script: setAndCount, Keys: []string{"{a}", "{a}n"}, Args: []string{"1"}},
		{Script: setAndCount, Keys: []string{"{b}", "{b}n"}, Args: []string{"2"}},
	})
	for _, r := range results {
		require.NoError(t, r.Err)
		require.Equal(t, cache.Int(1), r.Value)
	}
}

func TestServerKilledAgainAndAgain(t *testing.T) {
	s := startServer(t)
	e := open(t, "redis://"+s.addr, time.Second)
	sub, err := e.Subscribe(t.Context(), "c")
	require.NoError(t, err)
	for range 3 {
		s.kill()
		s.start(t)
		require.Equal(t, cache.Message{Lost: true}, next(t, sub))
		require.Eventually(t, func() bool {
			n, err := e.Publish(t.Context(), "c", "m")
			return err == nil && n == 1
		}, patience, 5*time.Millisecond)
		require.Equal(t, "m", next(t, sub).Payload)
	}
}

// A server that is there but silent is the harder case: no connection breaks.
func TestServerFrozen(t *testing.T) {
	s := startServer(t)
	e := open(t, "redis://"+s.addr, 500*time.Millisecond)
	sub, err := e.Subscribe(t.Context(), "c")
	require.NoError(t, err)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGSTOP))
	defer func() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }()

	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	_, err = e.Set(ctx, "k", "v", cache.SetOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, cache.ErrUnavailable, "the caller went away, not the server")

	requireUnavailable(t, e, sub, 100*time.Millisecond)
	start := time.Now()
	_, err = e.Get(context.Background(), "k")
	require.ErrorIs(t, err, cache.ErrUnavailable, "no deadline but the engine's own")
	require.Less(t, time.Since(start), 2*time.Second)

	require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return e.Ping(t.Context()) == nil }, patience, 5*time.Millisecond)
}

func TestOpenUnreachable(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		_, err = redis.Open(t.Context(), "redis://"+l.Addr().String(), redis.Options{})
		require.ErrorIs(t, err, cache.ErrUnavailable)
		require.ErrorContains(t, err, l.Addr().String())
	})
	t.Run("nobody answers", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		start := time.Now()
		_, err = redis.Open(t.Context(), "redis://"+l.Addr().String(), redis.Options{Timeout: 100 * time.Millisecond})
		require.ErrorIs(t, err, cache.ErrUnavailable)
		require.Less(t, time.Since(start), 5*time.Second)
	})
}

func TestOpenNoCluster(t *testing.T) {
	s := startServer(t)
	_, err := redis.Open(t.Context(), "redis-cluster://"+s.addr, redis.Options{})
	require.ErrorIs(t, err, redis.ErrURL)
	require.ErrorContains(t, err, "no node of a cluster")
}

func TestPasswordAndDatabase(t *testing.T) {
	s := startServer(t, "--requirepass", "p@ss:w/rd", "--user", "app", "on", ">apps-secret", "~*", "&*", "+@all")
	for _, userinfo := range []string{":p%40ss%3Aw%2Frd", "default:p%40ss%3Aw%2Frd", "app:apps-secret"} {
		e := open(t, "redis://"+userinfo+"@"+s.addr+"/3", time.Second)
		_, err := e.IncrBy(t.Context(), "n", 1)
		require.NoError(t, err)
	}
	for db, want := range map[string]string{"": "", "/0": "", "/3": "3"} {
		v, err := open(t, "redis://app:apps-secret@"+s.addr+db, time.Second).Get(t.Context(), "n")
		require.NoError(t, err)
		require.Equal(t, want, v.Str, "database %q", db)
	}
	for _, userinfo := range []string{"", ":wrong@", "app:wrong@", "nobody:apps-secret@"} {
		_, err := redis.Open(t.Context(), "redis://"+userinfo+s.addr, redis.Options{})
		require.Error(t, err)
		require.NotErrorIs(t, err, cache.ErrUnavailable, "waiting will not help")
		require.NotContains(t, err.Error(), "wrong")
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := redis.Open(t.Context(), "redis://app:apps-secret@"+s.addr+"/99", redis.Options{})
	require.ErrorContains(t, err, "DB index")
}

func TestServerOutOfMemory(t *testing.T) {
	s := startServer(t, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
	e := open(t, "redis://"+s.addr, time.Second)
	_, err := e.Set(t.Context(), "k", "v", cache.SetOptions{})
	require.ErrorIs(t, err, cache.ErrOutOfMemory)
	_, err = e.Run(t.Context(), setAndCount, []string{"{k}", "{k}n"}, []string{"v"})
	require.ErrorIs(t, err, cache.ErrOutOfMemory)
	_, err = e.Get(t.Context(), "k")
	require.NoError(t, err, "reads go on")
}

func TestReplicaRefusesWrites(t *testing.T) {
	s := startServer(t, "--replicaof", "127.0.0.1 1")
	e := open(t, "redis://"+s.addr, time.Second)
	_, err := e.Set(t.Context(), "k", "v", cache.SetOptions{})
	require.ErrorIs(t, err, cache.ErrUnavailable)
	_, err = e.Run(t.Context(), setAndCount, []string{"{k}", "{k}n"}, []string{"v"})
	require.ErrorIs(t, err, cache.ErrUnavailable)
}

// A server at its limit refuses what grows, runs what makes room, and says what
// it has counted.
func TestServerAtItsLimit(t *testing.T) {
	s := startServer(t, "--maxmemory", "1b")
	e := open(t, "redis://"+s.addr, patience)
	ctx := t.Context()
	_, err := e.Set(ctx, "k", "v", cache.SetOptions{})
	require.ErrorIs(t, err, cache.ErrOutOfMemory)
	_, err = e.Run(ctx, setAndCount, []string{"{t}k", "{t}n"}, []string{"v"})
	require.ErrorIs(t, err, cache.ErrOutOfMemory)
	_, err = e.Run(ctx, cache.SetScript, []string{"k"}, []string{"v"})
	require.NoError(t, err)

	for range 2 {
		_, err = e.Get(ctx, "k")
		require.NoError(t, err)
	}
	_, err = e.Get(ctx, "no key")
	require.NoError(t, err)
	stats, err := e.Stats(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, stats.Keys)
	require.EqualValues(t, 2, stats.Hits)
	require.EqualValues(t, 1, stats.Misses)
	require.Zero(t, stats.Evicted)
}
