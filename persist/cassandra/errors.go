package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gocql/gocql"

	"hyperlocal/persist"
)

// ErrNewer is returned by Open: a newer version of this program has changed
// the schema.
var ErrNewer = errors.New("database written by a newer version")

// translate gives an error of the driver its meaning in the contract: can the
// same call succeed later (ErrUnavailable), or does somebody have to look. No
// row is at fault here: those have been refused before.
func translate(err error) error {
	if err != nil && outage(err) {
		return fmt.Errorf("%w: %w", persist.ErrUnavailable, err)
	}
	return err
}

// outage tells the errors that pass with time.
func outage(err error) bool {
	for _, passing := range []error{
		gocql.ErrNoConnections, gocql.ErrTimeoutNoResponse, gocql.ErrConnectionClosed, gocql.ErrSessionClosed,
		gocql.ErrUnavailable, gocql.ErrTooManyTimeouts, gocql.ErrNoStreams,
		context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	refusal, ok := errors.AsType[gocql.RequestError](err)
	if !ok {
		return false
	}
	switch refusal.Code() {
	case gocql.ErrCodeUnavailable, gocql.ErrCodeOverloaded, gocql.ErrCodeBootstrapping,
		gocql.ErrCodeWriteTimeout, gocql.ErrCodeReadTimeout,
		gocql.ErrCodeWriteFailure, gocql.ErrCodeReadFailure, gocql.ErrCodeCASWriteUnknown,
		gocql.ErrCodeServer: // what a node answers that is shutting down
		return true
	}
	return false
}
