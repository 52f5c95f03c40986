package memory

import (
	"errors"
	"io"
	"os"
)

// disk is what the journal asks of the file system to write. Tests put one in
// its place that counts, fails and runs full.
type disk interface {
	// create makes a file or empties it.
	create(path string) (diskFile, error)
	rename(from, to string) error
	remove(path string) error
	truncate(path string, size int64) error
	// sync makes a file durable that another process wrote.
	sync(path string) error
	// syncDir makes what happened to the names in a directory durable.
	syncDir(dir string) error
}

// diskFile is written from the beginning to the end.
type diskFile interface {
	io.WriteCloser
	Sync() error
}

type osDisk struct{}

func (osDisk) create(path string) (diskFile, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }

func (osDisk) sync(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osDisk) truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
