package redis

import (
	"context"
	"crypto/sha1" //nolint:gosec // the server names scripts by SHA-1
	"encoding/hex"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// scriptHash is the name under which the server keeps a script's Lua source.
// Scripts are package variables, so the map grows to the program's own number
// of them.
func (e *Engine) scriptHash(s *cache.Script) string {
	if h, ok := e.hashes.Load(s); ok {
		return h.(string)
	}
	sum := sha1.Sum([]byte(source(s))) //nolint:gosec // as above
	h, _ := e.hashes.LoadOrStore(s, hex.EncodeToString(sum[:]))
	return h.(string)
}

// source is what the server is given: the flags of a script are its first line.
func source(s *cache.Script) string {
	if s.AllowOOM {
		return "#!lua flags=allow-oom\n" + s.Lua
	}
	return s.Lua
}

// byHash runs a script that the server should know already.
func (e *Engine) byHash(c cache.Call) rueidis.Completed {
	return e.client.B().Evalsha().Sha1(e.scriptHash(c.Script)).
		Numkeys(int64(len(c.Keys))).Key(c.Keys...).Arg(c.Args...).Build()
}

// bySource runs a script and teaches it to the server.
func (e *Engine) bySource(c cache.Call) rueidis.Completed {
	return e.client.B().Eval().Script(source(c.Script)).
		Numkeys(int64(len(c.Keys))).Key(c.Keys...).Arg(c.Args...).Build()
}

// unknownScript says that the server has not kept the script: it was restarted
// or failed over, or this is the first run ever. Nothing was executed.
func unknownScript(reply rueidis.RedisResult) bool {
	err, ok := rueidis.IsRedisErr(reply.Error())
	return ok && err.IsNoScript()
}

// Run implements cache.Scripts.
func (e *Engine) Run(ctx context.Context, s *cache.Script, keys, args []string) (cache.Value, error) {
	call := cache.Call{Script: s, Keys: keys, Args: args}
	if _, err := cache.OneTag(keys); err != nil {
		return cache.Value{}, refuse(s.Name, first(keys), err)
	}
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	reply := e.send(ctx, e.byHash(call))
	if unknownScript(reply) {
		reply = e.send(ctx, e.bySource(call))
	}
	r := result(call, reply)
	return r.Value, r.Err
}

// RunAll implements cache.Scripts: one write to the connection, one wait. A
// call that names two tags fails alone.
func (e *Engine) RunAll(ctx context.Context, calls []cache.Call) []cache.Result {
	results := make([]cache.Result, len(calls))
	sent := make([]int, 0, len(calls))
	tags := make(map[string]struct{}, len(calls))
	for i, c := range calls {
		tag, err := cache.OneTag(c.Keys)
		if err != nil {
			results[i].Err = refuse(c.Script.Name, first(c.Keys), err)
			continue
		}
		tags[tag] = struct{}{}
		sent = append(sent, i)
	}
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	if len(tags) < len(sent) {
		e.runInOrder(ctx, calls, sent, results)
	} else {
		e.runApart(ctx, calls, sent, results)
	}
	return results
}

// runApart runs calls that share no tag. Those whose script the server does not
// know are run again, after the others, which is as good as any order.
func (e *Engine) runApart(ctx context.Context, calls []cache.Call, sent []int, results []cache.Result) {
	cmds := make([]rueidis.Completed, len(sent))
	for j, i := range sent {
		cmds[j] = e.byHash(calls[i])
	}
	var again []int
	var sources []rueidis.Completed
	for j, reply := range e.sendAll(ctx, cmds) {
		i := sent[j]
		if unknownScript(reply) {
			again = append(again, i)
			sources = append(sources, e.bySource(calls[i]))
			continue
		}
		results[i] = result(calls[i], reply)
	}
	for j, reply := range e.sendAll(ctx, sources) {
		results[again[j]] = result(calls[again[j]], reply)
	}
}

// runInOrder runs calls of which some share a tag. None may be run again, for
// it would come after its successors; so the first call of each script brings
// the source along, per tag, since each tag may be on another node.
func (e *Engine) runInOrder(ctx context.Context, calls []cache.Call, sent []int, results []cache.Result) {
	type where struct {
		script *cache.Script
		tag    string
	}
	taught := make(map[where]bool, len(sent))
	cmds := make([]rueidis.Completed, len(sent))
	for j, i := range sent {
		w := where{script: calls[i].Script}
		if e.cluster {
			w.tag = cache.Tag(calls[i].Keys[0])
		}
		if taught[w] {
			cmds[j] = e.byHash(calls[i])
			continue
		}
		taught[w] = true
		cmds[j] = e.bySource(calls[i])
	}
	var forgotten []int
	var sources []rueidis.Completed
	for j, reply := range e.sendAll(ctx, cmds) {
		i := sent[j]
		if e.cluster && unknownScript(reply) { // its slot moved on the way
			forgotten = append(forgotten, i)
			sources = append(sources, e.bySource(calls[i]))
			continue
		}
		results[i] = result(calls[i], reply)
	}
	for j, reply := range e.sendAll(ctx, sources) {
		results[forgotten[j]] = result(calls[forgotten[j]], reply)
	}
}

func result(c cache.Call, reply rueidis.RedisResult) cache.Result {
	m, err := reply.ToMessage()
	var v cache.Value
	if err == nil || rueidis.IsRedisNil(err) {
		v, err = value(m)
	}
	return cache.Result{Value: v, Err: fail(c.Script.Name, c.Keys[0], err)}
}

// value converts a script's reply. Lua's false arrives as nil.
func value(m rueidis.RedisMessage) (cache.Value, error) {
	switch {
	case m.IsNil():
		return cache.Value{}, nil
	case m.IsInt64():
		n, err := m.ToInt64()
		return cache.Int(n), err
	case m.IsString():
		s, err := m.ToString()
		return cache.String(s), err
	case m.IsArray():
		items, err := m.ToArray()
		if err != nil {
			return cache.Value{}, err
		}
		list := make([]cache.Value, len(items))
		for i := range items {
			if list[i], err = value(items[i]); err != nil {
				return cache.Value{}, err
			}
		}
		return cache.List(list...), nil
	}
	if err := m.Error(); err != nil {
		return cache.Value{}, err
	}
	return cache.Value{}, errReply
}

// first is the key that an error names.
func first(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}
