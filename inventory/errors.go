package inventory

import (
	"errors"
	"fmt"
)

// The ways the package refuses. Errors of the engine (cache.ErrUnavailable) and
// of the database (persist.ErrUnavailable) come through as they are.
var (
	// ErrInvalid: a value of the request breaks a rule; always a *FieldError.
	ErrInvalid = errors.New("invalid value")
	// ErrUnknownProduct: an id is not in the catalogue; always a *FieldError.
	ErrUnknownProduct = errors.New("unknown product")
	// ErrUnknownStore: no store has that id.
	ErrUnknownStore = errors.New("unknown store")
	// ErrNoOpenStore: there is no open store anywhere.
	ErrNoOpenStore = errors.New("no open store")
	// ErrInsufficient: there are fewer units than wanted, and nothing was
	// changed; always a *ShortageError.
	ErrInsufficient = errors.New("not enough units available")
	// ErrNotFound: no reservation has that id.
	ErrNotFound = errors.New("no such reservation")
	// ErrConflict: the idempotency key belongs to a request with other content.
	ErrConflict = errors.New("idempotency key was used for another request")
	// ErrReservationClosed: the reservation is in another final state; always a
	// *ClosedError.
	ErrReservationClosed = errors.New("reservation is closed")
	// ErrBacklog: too many movements of the store wait for the database. The
	// same call may succeed later.
	ErrBacklog = errors.New("too many stock movements wait for the database")
	// ErrNotCatalogue: a file is not a catalogue at all.
	ErrNotCatalogue = errors.New("not a catalogue file")
)

// FieldError names the field of a request that is at fault.
type FieldError struct {
	Field  string // its path on the wire, such as "lines[2].units"
	Detail string // what is wrong with it
	Kind   error  // ErrInvalid or ErrUnknownProduct
}

func (e *FieldError) Error() string { return fmt.Sprintf("%v: %s: %s", e.Kind, e.Field, e.Detail) }

// Unwrap returns the sentinel.
func (e *FieldError) Unwrap() error { return e.Kind }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Detail: fmt.Sprintf(format, args...), Kind: ErrInvalid}
}

// Shortage is a product of which there is less than wanted.
type Shortage struct {
	ProductID string
	Wanted    int64 // units, over all lines of the request
	Available int64 // units
}

// ShortageError lists every product of a request that falls short.
type ShortageError struct{ Shortages []Shortage }

func (e *ShortageError) Error() string {
	s := e.Shortages[0]
	text := fmt.Sprintf("%v: %s: wanted %d, available %d", ErrInsufficient, s.ProductID, s.Wanted, s.Available)
	if more := len(e.Shortages) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// Unwrap returns ErrInsufficient.
func (e *ShortageError) Unwrap() error { return ErrInsufficient }

// ClosedError says in which state a reservation is instead.
type ClosedError struct {
	ReservationID string
	State         State
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("%v: %s is %s", ErrReservationClosed, e.ReservationID, e.State)
}

// Unwrap returns ErrReservationClosed.
func (e *ClosedError) Unwrap() error { return ErrReservationClosed }
