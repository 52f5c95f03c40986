package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"hyperlocal/cache"
)

// refusals maps how a server's error begins to what the contract calls it. The
// texts are those of Redis 7 (server.c, t_string.c, t_hash.c, t_stream.c,
// t_zset.c, t_list.c, expire.c, hyperloglog.c, geo.c), without the code ERR, which the library takes off. An error inside a
// script begins the same way.
var refusals = []struct {
	prefix  string
	verdict error
}{
	{"WRONGTYPE Key is not a valid HyperLogLog", cache.ErrNotHLL},
	{"INVALIDOBJ", cache.ErrNotHLL},
	{"WRONGTYPE", cache.ErrWrongType},

	{"value is not an integer", cache.ErrNotInteger},
	{"hash value is not an integer", cache.ErrNotInteger},
	{"increment or decrement would overflow", cache.ErrNotInteger},

	{"The ID specified in XADD", cache.ErrStreamID},
	{"The stream has exhausted", cache.ErrStreamID},
	{"Invalid stream ID", cache.ErrStreamID},
	{"invalid start ID", cache.ErrStreamID},
	{"invalid end ID", cache.ErrStreamID},

	{"invalid longitude,latitude", cache.ErrInvalidPlace},
	{"could not decode requested zset member", cache.ErrNoMember},
	{"member ", cache.ErrNoMember}, // Valkey: member x does not exist

	{"XX and NX options", cache.ErrSyntax},
	{"GT, LT, and/or NX options", cache.ErrSyntax},
	{"radius cannot be negative", cache.ErrSyntax},
	{"height or width cannot be negative", cache.ErrSyntax},
	{"need numeric", cache.ErrSyntax}, // radius, width, height

	{"syntax error", cache.ErrSyntax},
	{"invalid expire time", cache.ErrSyntax},
	{"NX and XX, GT or LT options", cache.ErrSyntax},
	{"GT and LT options", cache.ErrSyntax},
	{"value is out of range, must be positive", cache.ErrSyntax},

	{"value is not a valid float", cache.ErrScoreNaN},
	{"min or max is not a float", cache.ErrScoreNaN},
	{"resulting score is not a number", cache.ErrScoreNaN},

	{"OOM", cache.ErrOutOfMemory},
	{"CROSSSLOT", cache.ErrCrossSlot},

	// The server is there but does not serve now: it loads its data, runs a
	// script without end, is a replica, waits for a failover, or refuses
	// writes because it cannot save them.
	{"LOADING", cache.ErrUnavailable},
	{"BUSY", cache.ErrUnavailable},
	{"READONLY", cache.ErrUnavailable},
	{"MASTERDOWN", cache.ErrUnavailable},
	{"CLUSTERDOWN", cache.ErrUnavailable},
	{"TRYAGAIN", cache.ErrUnavailable},
	{"MISCONF", cache.ErrUnavailable},
	{"NOREPLICAS", cache.ErrUnavailable},
	{"UNBLOCKED", cache.ErrUnavailable}, // a primary became a replica
	{"MOVED", cache.ErrUnavailable},     // a slot moved for longer than the call had time
	{"ASK", cache.ErrUnavailable},
	{"max number of clients", cache.ErrUnavailable},
}

// fail wraps what went wrong with the operation and the key, and with the
// contract's name for it if it has one. It returns nil for nil.
func fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	if verdict := verdictOn(err); verdict != nil {
		return fmt.Errorf("redis: %s %q: %w: %w", op, key, verdict, err)
	}
	return fmt.Errorf("redis: %s %q: %w", op, key, err)
}

func verdictOn(err error) error {
	if reply, ok := rueidis.IsRedisErr(err); ok {
		text := reply.Error()
		for _, r := range refusals {
			if strings.HasPrefix(text, r.prefix) {
				return r.verdict
			}
		}
		return nil
	}
	switch {
	case errors.Is(err, errUnconfirmed):
		return cache.ErrNotDurable
	case errors.Is(err, context.Canceled):
		return nil // the caller went away; that says nothing about the server
	case rueidis.IsParseErr(err), errors.Is(err, errReply):
		return nil // it answered, but not as this command answers
	}
	return cache.ErrUnavailable
}

// refuse is fail for what is refused here, without asking the server.
func refuse(op, key string, reason error) error {
	return fmt.Errorf("redis: %s %q: %w", op, key, reason)
}

var (
	// errReply marks an answer whose shape this package does not know.
	errReply = errors.New("unexpected reply")
	// errCursor marks a cursor that no Scan returned.
	errCursor = errors.New("invalid cursor")
)
