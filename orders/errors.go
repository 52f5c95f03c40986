package orders

import (
	"errors"
	"fmt"
	"strings"
)

// The ways the package refuses. Errors of the engine (cache.ErrUnavailable) and
// of the database (persist.ErrUnavailable) come through as they are.
var (
	// ErrInvalid: a value of the request breaks a rule; always a *FieldError.
	ErrInvalid = errors.New("invalid value")
	// ErrNotFound: no order has that id.
	ErrNotFound = errors.New("no such order")
	// ErrConflict: the same was asked for before with other content; always a
	// *FieldError.
	ErrConflict = errors.New("conflicts with what is there")
	// ErrTransition: the order's state does not lead there; always a
	// *TransitionError.
	ErrTransition = errors.New("no such step")
	// ErrBacklog: too many orders wait for the database. The same call may
	// succeed later.
	ErrBacklog = errors.New("too many orders wait for the database")
)

// FieldError names the field of a request that is at fault.
type FieldError struct {
	Field  string // its path on the wire, such as "lines[2].units"
	Detail string // what is wrong with it
	Kind   error  // ErrInvalid or ErrConflict
}

func (e *FieldError) Error() string { return fmt.Sprintf("%v: %s: %s", e.Kind, e.Field, e.Detail) }

// Unwrap returns the sentinel.
func (e *FieldError) Unwrap() error { return e.Kind }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Detail: fmt.Sprintf(format, args...), Kind: ErrInvalid}
}

func conflict(field, format string, args ...any) error {
	return &FieldError{Field: field, Detail: fmt.Sprintf(format, args...), Kind: ErrConflict}
}

// TransitionError says which step was refused and which are possible.
type TransitionError struct {
	From, To Status
	Allowed  []Status // from From on; empty if From is final
}

func (e *TransitionError) Error() string {
	next := make([]string, len(e.Allowed))
	for i, s := range e.Allowed {
		next[i] = string(s)
	}
	if len(next) == 0 {
		return fmt.Sprintf("%v: the order is %s, which is final", ErrTransition, e.From)
	}
	return fmt.Sprintf("%v: from %s the order can become %s, not %s", ErrTransition, e.From, strings.Join(next, " or "), e.To)
}

// Unwrap returns ErrTransition.
func (e *TransitionError) Unwrap() error { return ErrTransition }
