package redis

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"
)

// Warnings asks the server, or each primary of a Cluster, for the settings that
// decide whether what is stored stays stored, and returns a sentence for an
// operator about each one that is wrong, or that the server does not tell: a
// managed service may refuse CONFIG, and a user of few rights INFO. Nothing wrong:
// no sentence.
func (e *Engine) Warnings(ctx context.Context) []string {
	var found []string
	warn := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	infos, err := e.onEach(ctx, func(node rueidis.Client) rueidis.Commands {
		return rueidis.Commands{
			node.B().Info().Section("memory").Build(), node.B().Info().Section("persistence").Build(),
		}
	})
	if err != nil {
		warn("INFO is refused, so whether the server evicts keys or loses them in a restart is not known: %v", err)
		return found
	}
	kept := false
	for i, replies := range infos {
		policy, err := info(replies[0], "maxmemory_policy")
		switch {
		case err != nil:
			warn("%s: whether it evicts keys is not known: %v", server(i, infos), err)
		case policy != "noeviction":
			warn("%s: maxmemory-policy is %s, which throws away stock, orders and positions once memory is short; set noeviction",
				server(i, infos), policy)
		}
		aof, err := info(replies[1], "aof_enabled")
		switch {
		case err != nil:
			warn("%s: whether it keeps an append-only file is not known: %v", server(i, infos), err)
		case aof == "0":
			warn("%s: appendonly is off, so a restart loses what came after the last snapshot; set appendonly yes",
				server(i, infos))
		default:
			kept = true
		}
	}
	if kept {
		found = append(found, e.syncWarnings(ctx)...)
	}
	return found
}

// syncWarnings is about appendfsync, which INFO does not report.
func (e *Engine) syncWarnings(ctx context.Context) []string {
	all, err := e.onEach(ctx, func(node rueidis.Client) rueidis.Commands {
		return rueidis.Commands{node.B().ConfigGet().Parameter("appendfsync").Build()}
	})
	if err != nil {
		return []string{fmt.Sprintf("CONFIG is refused, so how often the append-only file is synced is not known; it must be everysec or always: %v", err)}
	}
	var found []string
	for i, replies := range all {
		values, err := replies[0].AsStrMap()
		if err != nil {
			found = append(found, fmt.Sprintf("%s: how often the append-only file is synced is not known: %v", server(i, all), err))
		} else if values["appendfsync"] == "no" {
			found = append(found, server(i, all)+": appendfsync is no, so a crash of its machine loses up to half a minute; set everysec or always")
		}
	}
	return found
}

// info finds a value in a reply to INFO.
func info(reply rueidis.RedisResult, name string) (string, error) {
	text, err := reply.ToString()
	if err != nil {
		return "", err
	}
	return infoText(text, name)
}

// server names one of those that were asked.
func server(i int, all [][]rueidis.RedisResult) string {
	if len(all) == 1 {
		return "the server"
	}
	return fmt.Sprintf("primary %d of %d", i+1, len(all))
}
