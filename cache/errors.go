package cache

import "errors"

// The ways an engine refuses. Hosts wrap them with the operation and the key.
var (
	ErrUnavailable  = errors.New("engine unavailable")
	ErrWrongType    = errors.New("key holds another type")
	ErrNotInteger   = errors.New("value is not a 64-bit integer or would overflow")
	ErrInvalidPlace = errors.New("latitude or longitude out of range")
	ErrStreamID     = errors.New("stream id is malformed or not greater than the last")
	ErrCrossSlot    = errors.New("keys do not share one hash tag")
	ErrOutOfMemory  = errors.New("engine's memory limit reached")
	ErrSyntax       = errors.New("options exclude each other or are out of range")
	ErrScoreNaN     = errors.New("score is not a number")
	ErrNoMember     = errors.New("member is not in the set")
	ErrNotHLL       = errors.New("key holds a string that is no HyperLogLog")
	ErrNotDurable   = errors.New("write could not be made durable")
)
