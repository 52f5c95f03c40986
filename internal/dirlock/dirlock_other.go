//go:build !unix

package dirlock

import (
	"errors"
	"fmt"
	"io"
)

// Take refuses: without a lock and without fsync of directories
// what is promised of files cannot be kept.
func Take(dir string) (io.Closer, error) {
	return nil, fmt.Errorf("lock %s: %w on this system", dir, errors.ErrUnsupported)
}
