// Package dirlock keeps a directory for one process at a time.
package dirlock

import "errors"

// ErrInUse is what Take returns when another process has the directory, or
// this one has it already.
var ErrInUse = errors.New("directory is in use")
