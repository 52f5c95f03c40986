package enginetest

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// echo returns what it was called with.
var echo = &cache.Script{
	Name: "enginetest.echo",
	Lua:  `return {KEYS, ARGV, #KEYS, #ARGV}`,
	Go: func(_ cache.Tx, keys, args []string) cache.Value {
		return cache.List(texts(keys), texts(args), cache.Int(int64(len(keys))), cache.Int(int64(len(args))))
	},
}

func texts(ss []string) cache.Value {
	list := []cache.Value{}
	for _, s := range ss {
		list = append(list, cache.String(s))
	}
	return cache.List(list...)
}

// replies returns one of each kind of reply.
var replies = &cache.Script{
	Name: "enginetest.replies",
	Lua: `
if ARGV[1] == 'nil' then return false end
if ARGV[1] == 'int' then return -42 end
if ARGV[1] == 'string' then return 's\0\255' end
if ARGV[1] == 'empty' then return {} end
return {1, false, {'x', {}}, ''}`,
	Go: func(_ cache.Tx, _, args []string) cache.Value {
		switch args[0] {
		case "nil":
			return cache.Value{}
		case "int":
			return cache.Int(-42)
		case "string":
			return cache.String("s\x00\xff")
		case "empty":
			return cache.List()
		}
		return cache.List(cache.Int(1), cache.Value{}, cache.List(cache.String("x"), cache.List()), cache.String(""))
	},
}

func (h *host) run(c cache.Call) (cache.Value, error) { return h.Run(h.ctx, c.Script, c.Keys, c.Args) }

func requireValue(t testing.TB, want, have cache.Value) {
	t.Helper()
	require.True(t, sameValue(want, have), "want %v, have %v", want, have)
}

func testScripts(t *testing.T, h *host) {
	h.needScripts(t)
	t.Run("replies", func(t *testing.T) {
		for _, kind := range []string{"nil", "int", "string", "empty", "nested"} {
			args := []string{kind}
			requireValue(t, replies.Go(nil, nil, args), must(h.Run(h.ctx, replies, []string{h.key("k")}, args))(t))
		}
	})
	t.Run("keys and arguments arrive as they are", func(t *testing.T) {
		keys := []string{h.key("a"), "{" + h.tag + "}\x00\xff", h.key("a")}
		for _, args := range [][]string{nil, {""}, awkward} {
			requireValue(t, echo.Go(nil, keys, args), must(h.Run(h.ctx, echo, keys, args))(t))
		}
	})
	t.Run("one tag only", func(t *testing.T) {
		for _, keys := range [][]string{
			nil,
			{h.key("a"), Key(h.tag+"x", "a")},
			{h.key("a"), h.key("b"), "a"},
		} {
			_, err := h.Run(h.ctx, echo, keys, nil)
			require.ErrorIs(t, err, cache.ErrCrossSlot, "%q", keys)
		}
	})
	t.Run("sees its own writes", func(t *testing.T) {
		s, z, x := h.key("s"), h.key("z"), h.key("x")
		keys := []string{s, z, x}
		requireValue(t, cache.List(
			cache.Int(0), cache.String("OK"), cache.String("v"), cache.Int(1), cache.Int(1), cache.Int(0), cache.String("(nil)"),
			cache.Int(1), cache.Int(0), cache.String("2.5"), cache.Int(1),
			cache.String("3-1"), cache.Int(0), cache.Int(1),
		), must(h.run(program(keys,
			command{"EXISTS", s}, command{"SET", s, "v"}, command{"GET", s}, command{"EXISTS", s}, command{"DEL", s},
			command{"DEL", s}, command{"GET", s},
			command{"ZADD", z, "1", "m"}, command{"ZADD", z, "2.5", "m"}, command{"ZSCORE", z, "m"}, command{"ZCARD", z},
			command{"XADD", x, "MAXLEN", "=", "5", "3-1", "f", "v"}, command{"XTRIM", x, "MINID", "=", "3"},
			command{"XTRIM", x, "MINID", "=", "4"},
		)))(t))
	})
	t.Run("runs alone", func(t *testing.T) {
		// Read, then write what was read and one: any other call between would
		// show as a lost step.
		k := h.key("n")
		inBackground(t, 8, func() error {
			for range 40 {
				if _, err := h.Run(h.ctx, readThenWrite, []string{k}, nil); err != nil {
					return err
				}
				if _, err := h.IncrBy(h.ctx, k, 1); err != nil {
					return err
				}
			}
			return nil
		})
		require.Equal(t, got(strconv.Itoa(8*40*2)), must(h.Get(h.ctx, k))(t))
	})
	t.Run("publishes", func(t *testing.T) {
		ch := h.key("channel")
		sub := h.subscribe(t, ch)
		k := h.key("published")
		must(h.run(program([]string{k, ch},
			command{"SPUBLISH", ch, "one"}, command{"SET", k, "v"}, command{"SPUBLISH", ch, "two\x00"})))(t)
		require.Equal(t, cache.Message{Channel: ch, Payload: "one"}, receive(t, sub))
		require.Equal(t, cache.Message{Channel: ch, Payload: "two\x00"}, receive(t, sub))
	})
}

var readThenWrite = &cache.Script{
	Name: "enginetest.readThenWrite",
	Lua:  `redis.call('SET', KEYS[1], (tonumber(redis.call('GET', KEYS[1])) or 0) + 1)`,
	Go: func(tx cache.Tx, keys, _ []string) cache.Value {
		n, _ := strconv.Atoi(tx.Get(keys[0]).Str)
		tx.Set(keys[0], strconv.Itoa(n+1), 0)
		return cache.Value{}
	},
}

func testScriptErrors(t *testing.T, h *host) {
	h.needScripts(t)
	hash, str := h.key("hash"), h.key("string")
	keys := []string{hash, str}
	cases := []struct {
		name string
		bad  command
		want error // nil: any
	}{
		{"type", command{"HGET", str, "f"}, cache.ErrWrongType},
		{"type of a write", command{"ZADD", str, "1", "m"}, cache.ErrWrongType},
		{"type of Get", command{"GET", hash}, cache.ErrWrongType},
		{"integer", command{"HINCRBY", hash, "text", "1"}, cache.ErrNotInteger},
		{"overflow", command{"HINCRBY", hash, "max", "1"}, cache.ErrNotInteger},
		{"stream id", command{"XADD", h.key("x"), "MAXLEN", "=", "5", "0-0", "f", "v"}, cache.ErrStreamID},
		{"range id", command{"XRANGE", h.key("x"), "?", "+", "COUNT", "1"}, cache.ErrStreamID},
		{"trim id", command{"XTRIM", h.key("x"), "MINID", "=", "?"}, cache.ErrStreamID},
		{"no number", command{"ZADD", h.key("z"), "nan", "m"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			must(h.Del(h.ctx, hash, str))(t)
			must(h.Set(h.ctx, str, "v", cache.SetOptions{}))(t)
			must(h.HSet(h.ctx, hash, fields("text", "x", "max", "9223372036854775807")...))(t)
			ch := h.key("channel")
			sub := h.subscribe(t, ch)

			v, err := h.run(program(append(keys, h.key("x"), h.key("z")),
				command{"HSET", hash, "before", "1"},
				command{"SPUBLISH", ch, "before"},
				c.bad,
				command{"HSET", hash, "after", "1"},
				command{"SPUBLISH", ch, "after"},
			))
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			requireValue(t, cache.Value{}, v)
			require.Equal(t, got("1"), must(h.HGet(h.ctx, hash, "before"))(t), "nothing is undone")
			require.Equal(t, missing, must(h.HGet(h.ctx, hash, "after"))(t), "nothing is done after an error")
			must(h.Publish(h.ctx, ch, "end"))(t)
			require.Equal(t, "before", receive(t, sub).Payload)
			require.Equal(t, "end", receive(t, sub).Payload)
		})
	}
}

func testRunAll(t *testing.T, h *host) {
	h.needScripts(t)
	require.Empty(t, h.RunAll(h.ctx, nil))

	t.Run("results stand where their calls stand", func(t *testing.T) {
		var calls []cache.Call
		for i := range 50 {
			own := Key(fmt.Sprintf("%s-%d", h.tag, i), "k") // a tag each
			calls = append(calls, cache.Call{Script: echo, Keys: []string{own}, Args: []string{fmt.Sprint(i)}})
		}
		for i, r := range h.RunAll(h.ctx, calls) {
			require.NoError(t, r.Err)
			requireValue(t, echo.Go(nil, calls[i].Keys, calls[i].Args), r.Value)
		}
	})
	t.Run("a failing call fails alone", func(t *testing.T) {
		s := h.key("string")
		must(h.Set(h.ctx, s, "v", cache.SetOptions{}))(t)
		results := h.RunAll(h.ctx, []cache.Call{
			program([]string{s}, command{"GET", s}),
			{Script: echo, Keys: []string{h.key("a"), Key("elsewhere", "b")}},
			program([]string{s}, command{"HGET", s, "f"}),
			{Script: echo},
			program([]string{s}, command{"EXISTS", s}),
		})
		require.Len(t, results, 5)
		require.NoError(t, results[0].Err)
		require.ErrorIs(t, results[1].Err, cache.ErrCrossSlot)
		require.ErrorIs(t, results[2].Err, cache.ErrWrongType)
		require.ErrorIs(t, results[3].Err, cache.ErrCrossSlot)
		require.NoError(t, results[4].Err)
		requireValue(t, cache.List(cache.Int(1)), results[4].Value)
	})
	t.Run("calls on one tag keep their order", func(t *testing.T) {
		// Scripts the host has never seen, in turns: each adds a stream entry
		// whose id must be greater than the last.
		for round := range 2 {
			scripts := make([]*cache.Script, 3)
			for i := range scripts {
				scripts[i] = &cache.Script{
					Name: "enginetest.append",
					Lua:  fmt.Sprintf("return redis.call('XADD', KEYS[1], ARGV[1], 'f', 'v') -- %s %d %d", h.tag, round, i),
					Go: func(tx cache.Tx, keys, args []string) cache.Value {
						return cache.String(tx.XAdd(keys[0], args[0], 0, cache.Field{Name: "f", Value: "v"}))
					},
				}
			}
			var calls []cache.Call
			for i := range 300 {
				k := h.key(fmt.Sprint("order", round, "-", i%4))
				calls = append(calls, cache.Call{Script: scripts[i%3], Keys: []string{k}, Args: []string{fmt.Sprint(i + 1)}})
			}
			for i, r := range h.RunAll(h.ctx, calls) {
				require.NoError(t, r.Err, "call %d", i)
				requireValue(t, cache.String(fmt.Sprint(i+1, "-0")), r.Value)
			}
		}
	})
	t.Run("many", func(t *testing.T) {
		k := h.key("many")
		calls := make([]cache.Call, 3000)
		for i := range calls {
			calls[i] = cache.Call{Script: readThenWrite, Keys: []string{k}}
		}
		for _, r := range h.RunAll(h.ctx, calls) {
			require.NoError(t, r.Err)
		}
		require.Equal(t, got("3000"), must(h.Get(h.ctx, k))(t))
	})
}
