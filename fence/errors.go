package fence

import (
	"errors"
	"fmt"
)

// The ways the package refuses. Errors of the engine come through as they are.
var (
	// ErrInvalid: a value of the request breaks a rule; always a *FieldError.
	ErrInvalid = errors.New("invalid value")
	// ErrNotFound: there is no such fence.
	ErrNotFound = errors.New("no such fence")
	// ErrTooMany: there are as many fences as there may be.
	ErrTooMany = errors.New("too many fences")
)

// FieldError names the field of a request that is at fault.
type FieldError struct {
	Field  string // its path on the wire, such as "circle.radius_m"
	Detail string // what is wrong with it
}

func (e *FieldError) Error() string { return fmt.Sprintf("%v: %s: %s", ErrInvalid, e.Field, e.Detail) }

// Unwrap returns ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Detail: fmt.Sprintf(format, args...)}
}
