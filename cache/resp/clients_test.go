package resp

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// Libraries of others do with this port what programs do with them, and get to
// see what a real server lets them see. The product's own library, rueidis, goes
// through the contract's whole suite (TestEngineOverRESP).

// notes is what a library answered, line by line.
type notes struct {
	t     *testing.T
	lines []string
}

func (n *notes) add(what string, answer any, err error) {
	n.t.Helper()
	shown, unshown := json.Marshal(answer) // a pointer is what it points to
	require.NoError(n.t, unshown)
	n.lines = append(n.lines, fmt.Sprintf("%s: %s (%v)", what, shown, err))
}

func note[T any](n *notes, what string, cmd interface{ Result() (T, error) }) T {
	answer, err := cmd.Result()
	n.add(what, answer, err)
	return answer
}

// besideRedis compares what a use of a server gives here and on a real one, both
// with a password, in both versions of the protocol.
func besideRedis(t *testing.T, use func(t *testing.T, addr, password string, protocol int) []string) {
	t.Helper()
	const password = "secret"
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprintf("RESP%d", protocol), func(t *testing.T) {
			theirs := use(t, testenv.OwnRedis(t, "--requirepass", password), password, protocol)
			_, addr := startMemory(t, Options{Password: password})
			require.Equal(t, theirs, use(t, addr, password, protocol))
		})
	}
}

func TestGoRedis(t *testing.T) {
	besideRedis(t, func(t *testing.T, addr, password string, protocol int) []string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		rdb := goredis.NewClient(&goredis.Options{Addr: addr, Password: password, Protocol: protocol, ClientName: "mine", MaxRetries: -1})
		defer func() { require.NoError(t, rdb.Close()) }()
		n := &notes{t: t}
		note(n, "ping", rdb.Ping(ctx))
		note(n, "name", rdb.ClientGetName(ctx))
		goRedisLooksAround(ctx, t, rdb)
		goRedisStrings(ctx, n, rdb)
		goRedisCollections(ctx, n, rdb)
		goRedisPlacesAndStreams(ctx, n, rdb)
		goRedisPipelines(ctx, n, rdb)
		goRedisScans(ctx, n, rdb)
		goRedisSubscribes(ctx, t, n, rdb)
		note(n, "dbsize", rdb.DBSize(ctx))
		return n.lines
	})
}

// goRedisLooksAround asks what each server answers in its own way.
func goRedisLooksAround(ctx context.Context, t *testing.T, rdb *goredis.Client) {
	for _, section := range []string{"server", "memory", "keyspace"} {
		info, err := rdb.Info(ctx, section).Result()
		require.NoError(t, err)
		require.Contains(t, strings.ToLower(info), "# "+section)
	}
	commands, err := rdb.Command(ctx).Result()
	require.NoError(t, err)
	require.Contains(t, commands["get"].Flags, "readonly")
	clients, err := rdb.ClientList(ctx).Result()
	require.NoError(t, err)
	require.Contains(t, clients, "name=mine")
	require.Positive(t, rdb.ClientID(ctx).Val())
	require.NoError(t, rdb.Set(ctx, "seen", "v", 0).Err())
	require.Positive(t, rdb.MemoryUsage(ctx, "seen").Val())
	now, err := rdb.Time(ctx).Result()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), now, time.Minute)
}

func goRedisStrings(ctx context.Context, n *notes, rdb *goredis.Client) {
	note(n, "config", rdb.ConfigGet(ctx, "maxmemory"))
	note(n, "set", rdb.Set(ctx, "s", "value", time.Hour))
	note(n, "get", rdb.Get(ctx, "s"))
	note(n, "get none", rdb.Get(ctx, "none"))
	note(n, "set nx", rdb.SetNX(ctx, "s", "other", time.Hour))
	note(n, "set args", rdb.SetArgs(ctx, "s", "next", goredis.SetArgs{Mode: "XX", Get: true, KeepTTL: true}))
	n.add("ttl", rdb.TTL(ctx, "s").Val() > 50*time.Minute, nil)
	note(n, "expire gt", rdb.ExpireGT(ctx, "s", time.Minute))
	note(n, "incr text", rdb.Incr(ctx, "s"))
	note(n, "incrby", rdb.IncrBy(ctx, "n", 41))
	note(n, "mset", rdb.MSet(ctx, "{m}a", 1, "{m}b", 2))
	note(n, "mget", rdb.MGet(ctx, "{m}a", "none", "{m}b"))
	note(n, "getex", rdb.GetEx(ctx, "{m}a", time.Hour))
	note(n, "getdel", rdb.GetDel(ctx, "{m}a"))
	note(n, "strlen", rdb.StrLen(ctx, "s"))
	note(n, "type", rdb.Type(ctx, "s"))
	note(n, "exists", rdb.Exists(ctx, "s", "none"))
	note(n, "pfadd", rdb.PFAdd(ctx, "p", "a", "b", "c"))
	note(n, "pfcount", rdb.PFCount(ctx, "p"))
}

func goRedisCollections(ctx context.Context, n *notes, rdb *goredis.Client) {
	note(n, "rpush", rdb.RPush(ctx, "l", 1, 2, 3, 4))
	note(n, "ltrim", rdb.LTrim(ctx, "l", 1, -1))
	note(n, "lrange", rdb.LRange(ctx, "l", 0, -1))
	note(n, "lpop", rdb.LPopCount(ctx, "l", 2))
	note(n, "sadd", rdb.SAdd(ctx, "set", "a", "b", "c"))
	note(n, "smismember", rdb.SMIsMember(ctx, "set", "a", "x"))
	members := rdb.SMembers(ctx, "set")
	slices.Sort(members.Val())
	note(n, "smembers", members)

	type stop struct {
		Name  string `redis:"name"`
		Units int    `redis:"units"`
	}
	note(n, "hset", rdb.HSet(ctx, "h", stop{Name: "S1", Units: 7}))
	var read stop
	err := rdb.HGetAll(ctx, "h").Scan(&read)
	n.add("hgetall", read, err)
	note(n, "hmget", rdb.HMGet(ctx, "h", "name", "none"))
	note(n, "hincrby", rdb.HIncrBy(ctx, "h", "units", -2))
	note(n, "hincrby text", rdb.HIncrBy(ctx, "h", "name", 1))
	note(n, "wrong type", rdb.HGet(ctx, "l", "f"))

	note(n, "zadd", rdb.ZAdd(ctx, "z", goredis.Z{Score: 1.5, Member: "a"}, goredis.Z{Score: 2, Member: "b"}, goredis.Z{Score: 3e20, Member: "c"}))
	note(n, "zadd gt", rdb.ZAddArgs(ctx, "z", goredis.ZAddArgs{GT: true, Ch: true, Members: []goredis.Z{{Score: 1, Member: "a"}, {Score: 9, Member: "b"}}}))
	note(n, "zadd incr", rdb.ZAddArgsIncr(ctx, "z", goredis.ZAddArgs{Members: []goredis.Z{{Score: 0.25, Member: "a"}}}))
	note(n, "zincrby", rdb.ZIncrBy(ctx, "z", 1, "b"))
	note(n, "zrank", rdb.ZRank(ctx, "z", "c"))
	note(n, "zscore", rdb.ZScore(ctx, "z", "none"))
	note(n, "zrange", rdb.ZRangeArgsWithScores(ctx, goredis.ZRangeArgs{Key: "z", Start: "(100", Stop: "-inf", ByScore: true, Rev: true, Count: 2}))
	note(n, "zcount", rdb.ZCount(ctx, "z", "(1", "+inf"))
}

func goRedisPlacesAndStreams(ctx context.Context, n *notes, rdb *goredis.Client) {
	note(n, "geoadd", rdb.GeoAdd(ctx, "g",
		&goredis.GeoLocation{Name: "near", Longitude: 77.5946, Latitude: 12.9716}, &goredis.GeoLocation{Name: "far", Longitude: 77.61, Latitude: 12.98}))
	note(n, "geopos", rdb.GeoPos(ctx, "g", "near", "none"))
	note(n, "geodist", rdb.GeoDist(ctx, "g", "near", "far", "m"))
	note(n, "geohash", rdb.GeoHash(ctx, "g", "far"))
	note(n, "geosearch", rdb.GeoSearchLocation(ctx, "g", &goredis.GeoSearchLocationQuery{
		GeoSearchQuery: goredis.GeoSearchQuery{Longitude: 77.59, Latitude: 12.97, Radius: 5, RadiusUnit: "km", Sort: "ASC", Count: 5}, WithDist: true, WithCoord: true,
	}))
	for i := range 3 {
		note(n, "xadd", rdb.XAdd(ctx, &goredis.XAddArgs{Stream: "x", ID: fmt.Sprint(i+1, "-0"), MaxLen: 2, Values: []any{"i", i}}))
	}
	note(n, "xrange", rdb.XRange(ctx, "x", "-", "+"))
	note(n, "xread", rdb.XRead(ctx, &goredis.XReadArgs{Streams: []string{"x", "2"}, Block: time.Millisecond}))
	note(n, "xread nothing new", rdb.XRead(ctx, &goredis.XReadArgs{Streams: []string{"x", "3"}, Block: time.Millisecond}))
}

func goRedisPipelines(ctx context.Context, n *notes, rdb *goredis.Client) {
	results, err := rdb.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for range 500 {
			p.Incr(ctx, "counter")
		}
		p.Incr(ctx, "h")
		p.Get(ctx, "counter")
		return nil
	})
	n.add("pipeline", fmt.Sprint(len(results), results[len(results)-3:]), err)
}

func goRedisScans(ctx context.Context, n *notes, rdb *goredis.Client) {
	_, err := rdb.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i := range 1000 {
			p.Set(ctx, fmt.Sprint("many:", i), i, 0)
			p.HSet(ctx, "large", fmt.Sprint("f", i), i)
		}
		return nil
	})
	n.add("filled", nil, err)
	for what, scan := range map[string]*goredis.ScanCmd{
		"scan": rdb.Scan(ctx, 0, "many:*", 100), "scan hashes": rdb.ScanType(ctx, 0, "*", 10, "hash"), "hscan": rdb.HScan(ctx, "large", 0, "f*", 50),
	} {
		found := make(map[string]bool)
		it := scan.Iterator()
		for it.Next(ctx) {
			found[it.Val()] = true
		}
		n.add(what, found, it.Err())
	}
	slices.Sort(n.lines[len(n.lines)-3:]) // they came in any order
}

func goRedisSubscribes(ctx context.Context, t *testing.T, n *notes, rdb *goredis.Client) {
	sub := rdb.Subscribe(ctx, "news", "other")
	defer func() { require.NoError(t, sub.Close()) }()
	receive := func() {
		got, err := sub.Receive(ctx)
		n.add("receive", got, err)
	}
	receive()
	receive()
	require.NoError(t, sub.PSubscribe(ctx, "n?ws*"))
	receive()
	n.add("ping", nil, sub.Ping(ctx, "still there"))
	receive()
	note(n, "publish", rdb.Publish(ctx, "news", "twice"))
	receive()
	receive()
	note(n, "publish to nobody", rdb.Publish(ctx, "silence", "…"))
	require.NoError(t, sub.Unsubscribe(ctx, "other"))
	receive()
	require.NoError(t, rdb.Publish(ctx, "other", "unheard").Err())
	require.NoError(t, rdb.Publish(ctx, "newspaper", "by its pattern").Err())
	receive()
}

// TestRedisPy has a program in Python do the same, with the newest redis-py.
func TestRedisPy(t *testing.T) {
	library := testenv.RedisPy(t)
	besideRedis(t, func(t *testing.T, addr, password string, protocol int) []string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "python3", "testdata/client.py", addr, password, fmt.Sprint(protocol))
		cmd.Env = append(cmd.Environ(), "PYTHONPATH="+library, "PYTHONDONTWRITEBYTECODE=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		require.Contains(t, lines, "done")
		return lines
	})
}
