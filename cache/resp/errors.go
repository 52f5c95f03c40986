package resp

import (
	"context"
	"errors"
	"fmt"

	"hyperlocal/cache"
)

// refusal is an error whose text is sent as it is: a code, and a sentence. The
// texts are Redis's own, since client libraries compare them.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) refusal { return refusal(fmt.Sprintf(format, args...)) }

const (
	errSyntax       = refusal("ERR syntax error")
	errNotInteger   = refusal("ERR value is not an integer or out of range")
	errNotPositive  = refusal("ERR value is out of range, must be positive")
	errNotFloat     = refusal("ERR value is not a valid float")
	errOverflow     = refusal("ERR increment or decrement would overflow")
	errHashInteger  = refusal("ERR hash value is not an integer")
	errScoreRange   = refusal("ERR min or max is not a float")
	errCursor       = refusal("ERR invalid cursor")
	errWrongType    = refusal("WRONGTYPE Operation against a key holding the wrong kind of value")
	errNotHLL       = refusal("WRONGTYPE Key is not a valid HyperLogLog string value.")
	errNoAuth       = refusal("NOAUTH Authentication required.")
	errWrongPass    = refusal("WRONGPASS invalid username-password pair or user is disabled.")
	errReadOnly     = refusal("READONLY You can't write against a read only replica.")
	errOutOfMemory  = refusal("OOM command not allowed when used memory > 'maxmemory'.")
	errNotDurable   = refusal("MISCONF The write could not be made durable; see the server's log.")
	errUnavailable  = refusal("ERR the engine is closing")
	errNaN          = refusal("ERR resulting score is not a number (NaN)")
	errNoMember     = refusal("ERR could not decode requested zset member")
	errStreamID     = refusal("ERR Invalid stream ID specified as stream command argument")
	errSmallID      = refusal("ERR The ID specified in XADD is equal or smaller than the target stream top item")
	errNoKey        = refusal("ERR no such key")
	errTooManyPeers = refusal("ERR max number of clients reached")
	errInternal     = refusal("ERR internal error; see the server's log")
)

func errArity(command string) refusal {
	return refusef("ERR wrong number of arguments for '%s' command", command)
}

func errExpireTime(command string) refusal {
	return refusef("ERR invalid expire time in '%s' command", command)
}

// verdicts are the contract's errors as Redis words them. Where one of them has
// several wordings, the command's handler has chosen before.
var verdicts = []struct {
	err  error
	text refusal
}{
	{cache.ErrWrongType, errWrongType},
	{cache.ErrNotHLL, errNotHLL},
	{cache.ErrNotInteger, errNotInteger},
	{cache.ErrScoreNaN, errNaN},
	{cache.ErrNoMember, errNoMember},
	{cache.ErrStreamID, errStreamID},
	{cache.ErrSyntax, errSyntax},
	{cache.ErrOutOfMemory, errOutOfMemory},
	{cache.ErrNotDurable, errNotDurable},
	{cache.ErrUnavailable, errUnavailable},
	{context.Canceled, errUnavailable},
}

// wording is what a client is told of err. It is not ok if nobody foresaw err.
func wording(err error) (text string, ok bool) {
	var r refusal
	if errors.As(err, &r) {
		return string(r), true
	}
	for _, v := range verdicts {
		if errors.Is(err, v.err) {
			return string(v.text), true
		}
	}
	return string(errInternal), false
}
