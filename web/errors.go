package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/cache"
	"hyperlocal/fence"
	"hyperlocal/geo"
	"hyperlocal/inventory"
	"hyperlocal/orders"
	"hyperlocal/persist"
	"hyperlocal/problem"
)

// The refusals of the domain packages as problems. This is the only place
// where they meet HTTP.
var refusals = []struct {
	err error
	p   *problem.Problem
}{
	{geo.ErrUnknownDriver, problem.NotFound.WithField("id", "no fix of this driver is known")},
	{inventory.ErrUnknownStore, problem.NotFound.WithField("id", "there is no such store")},
	{inventory.ErrNotFound, problem.NotFound.WithField("id", "there is no such reservation, or it was closed more than 24 hours ago")},
	{inventory.ErrNoOpenStore, problem.New(http.StatusNotFound, "no-open-store", "No store is open")},
	{inventory.ErrConflict, problem.New(http.StatusConflict, "idempotency-conflict", "The key belongs to another request").
		WithField("Idempotency-Key", "was used for a request with other content")},
	{inventory.ErrBacklog, problem.Unavailable.WithDetail("too many stock movements wait for the database").RetryAfter(10 * time.Second)},
	{orders.ErrNotFound, problem.NotFound.WithField("id", "there is no such order")},
	{orders.ErrBacklog, problem.Unavailable.WithDetail("too many orders wait for the database").RetryAfter(10 * time.Second)},
	{fence.ErrNotFound, problem.NotFound.WithField("id", "there is no such fence")},
	{fence.ErrTooMany, problem.New(http.StatusConflict, "too-many-fences", "There are as many fences as there may be").
		WithDetail("remove one first, or start the server with a greater --max-fences")},
	{persist.ErrNotFound, problem.NotFound},
	{cache.ErrUnavailable, problem.Unavailable.WithDetail("the engine does not answer")},
	{cache.ErrNotDurable, problem.Unavailable.WithDetail("the engine could not make the write durable; it may have been done")},
	{cache.ErrOutOfMemory, problem.New(http.StatusInsufficientStorage, "out-of-memory", "The engine's memory limit is reached").
		WithDetail("what would take more memory is refused; reads go on").RetryAfter(10 * time.Second)},
	{persist.ErrUnavailable, problem.Unavailable.WithDetail("the database does not answer")},
	{context.DeadlineExceeded, problem.Unavailable.WithDetail("it took too long")},
	{context.Canceled, problem.New(499, "cancelled", "The client closed the request")},
}

// unprocessable is a request that is well formed but does not fit what is
// there.
var unprocessable = problem.New(http.StatusUnprocessableEntity, "unprocessable", "The request does not fit")

// asProblem finds the problem that an error stands for.
func asProblem(err error) *problem.Problem {
	if p := (*problem.Problem)(nil); errors.As(err, &p) {
		return p
	}
	if p := fieldProblem(err); p != nil {
		return p
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.p
		}
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return problem.TooLarge.WithField("body", fmt.Sprintf("must be at most %d bytes", tooLarge.Limit))
	}
	if he := (*echo.HTTPError)(nil); errors.As(err, &he) {
		return ofEcho(he)
	}
	return problem.Internal
}

// fieldProblem is for refusals that carry what is at fault.
func fieldProblem(err error) *problem.Problem {
	if e := (*geo.FieldError)(nil); errors.As(err, &e) {
		return problem.Invalid.WithField(e.Field, e.Detail)
	}
	if e := (*fence.FieldError)(nil); errors.As(err, &e) {
		return unprocessable.WithField(e.Field, e.Detail)
	}
	if e := (*inventory.FieldError)(nil); errors.As(err, &e) {
		return unprocessable.WithField(e.Field, e.Detail)
	}
	if e := (*inventory.ShortageError)(nil); errors.As(err, &e) {
		return shortage(e, nil)
	}
	if e := (*inventory.ClosedError)(nil); errors.As(err, &e) {
		return problem.New(http.StatusConflict, "reservation-closed", "The reservation is closed").
			WithField("id", "is "+string(e.State)).With("state", e.State)
	}
	if e := (*orders.FieldError)(nil); errors.As(err, &e) {
		if errors.Is(e, orders.ErrConflict) {
			return problem.New(http.StatusConflict, "conflict", "This was asked for before, with other content").
				WithField(e.Field, e.Detail)
		}
		return unprocessable.WithField(e.Field, e.Detail)
	}
	if e := (*orders.TransitionError)(nil); errors.As(err, &e) {
		return problem.New(http.StatusConflict, "wrong-transition", "The order cannot take this step").
			WithField("status", fmt.Sprintf("%s cannot follow %s", e.To, e.From)).
			With("allowed", e.Allowed)
	}
	return nil
}

// ofEcho is for what echo itself refuses: no route, a wrong method, a body over
// the limit.
func ofEcho(he *echo.HTTPError) *problem.Problem {
	switch he.Code {
	case http.StatusRequestEntityTooLarge:
		return problem.TooLarge.WithField("body", "must be at most "+maxBody+"B")
	case http.StatusNotFound:
		return problem.NotFound
	}
	code := strings.ReplaceAll(strings.ToLower(http.StatusText(he.Code)), " ", "-")
	return problem.New(he.Code, code, http.StatusText(he.Code))
}

// shortage names the first line that falls short, if the lines are known, and
// lists all.
func shortage(e *inventory.ShortageError, lines []persist.Line) *problem.Problem {
	type item struct {
		ProductID string `json:"product_id"`
		Wanted    int64  `json:"wanted"`
		Available int64  `json:"available"`
	}
	list := make([]item, len(e.Shortages))
	short := make(map[string]bool, len(e.Shortages))
	for i, s := range e.Shortages {
		list[i] = item(s)
		short[s.ProductID] = true
	}
	field := "lines"
	for i, l := range lines {
		if short[l.ProductID] {
			field = fmt.Sprintf("lines[%d].units", i)
			break
		}
	}
	return problem.New(http.StatusConflict, "shortage", "There is not enough stock").
		WithField(field, "more than what is available").With("shortages", list)
}

// withLines gives a shortage the lines that were asked for.
func withLines(err error, lines []persist.Line) error {
	if e := (*inventory.ShortageError)(nil); errors.As(err, &e) {
		return shortage(e, lines)
	}
	return err
}

// renamed gives a field at fault the name that it has in this call.
func renamed(err error, from, to string) error {
	if e := (*inventory.FieldError)(nil); errors.As(err, &e) {
		if rest, ok := strings.CutPrefix(e.Field, from); ok {
			return &inventory.FieldError{Field: to + rest, Detail: e.Detail, Kind: e.Kind}
		}
	}
	return err
}
