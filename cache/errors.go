package cache

import "errors"

// The ways an engine refuses. Hosts wrap them with the operation and the key.
var (
	ErrUnavailable  = errors.New("engine unavailable")
	ErrWrongType    = errors.New("key holds another type")
	ErrNotInteger   = errors.New("value is not a 64-bit integer or would overflow")
	ErrInvalidPlace = errors.New("latitude or longitude out of range")
	ErrStreamID     = errors.New("stream id is malformed or not greater than the last")
	ErrCrossSlot    = errors.New("keys of a script do not share one hash tag")
	ErrOutOfMemory  = errors.New("engine's memory limit reached")
	ErrNotDurable   = errors.New("write could not be made durable")
)
