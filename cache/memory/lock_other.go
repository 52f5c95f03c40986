//go:build !unix

package memory

import (
	"errors"
	"fmt"
	"io"
)

// lockDir refuses: without a lock and without fsync of directories the
// journal's promises cannot be kept.
func lockDir(dir string) (io.Closer, error) {
	return nil, fmt.Errorf("journal in %s: %w on this system", dir, errors.ErrUnsupported)
}
