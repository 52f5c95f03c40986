package memory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// asidePrefix begins the names of the directories for what a repair replaces.
const asidePrefix = "replaced-"

// Repair makes a directory that Open refuses one that it takes, with what Check
// says can be kept. All other files are moved into a directory beside, never
// removed. Where there is no damage it does nothing.
//
// It may be interrupted at any moment: until its last steps all files are where
// they were, and then they are in both places for a moment.
func Repair(dir string) (*Report, error) {
	return examineLocked(dir, func(x *examination) error {
		if len(x.report.Damage) == 0 {
			return nil
		}
		if err := x.repair(osDisk{}); err != nil {
			return fmt.Errorf("memory: repair %s: %w", dir, err)
		}
		return nil
	})
}

// repair writes what can be kept as a snapshot under a number above all others,
// after which recovery needs nothing else.
func (x *examination) repair(d disk) error {
	number := uint64(1)
	for _, n := range append(x.l.snapshots, x.l.segments...) {
		number = max(number, n+1)
	}
	path := snapshotPath(x.dir, number)
	temp := path + tempSuffix
	if err := x.write(d, temp, number); err != nil {
		return errors.Join(err, d.remove(temp))
	}
	// The start that may follow an interruption removes what a snapshot
	// replaces. So the files are aside before the snapshot has its name.
	old := x.paths()
	if err := x.setAside(d, old); err != nil {
		return errors.Join(err, d.remove(temp))
	}
	if err := d.rename(temp, path); err != nil {
		return err
	}
	for _, f := range old {
		if err := d.remove(f); err != nil {
			return err
		}
	}
	return d.syncDir(x.dir)
}

func (x *examination) write(d disk, temp string, number uint64) error {
	f, err := d.create(temp)
	if err != nil {
		return err
	}
	w := newSnapshotWriter(f, x.db.running)
	if err = w.begin(number, x.nextSeq); err == nil {
		err = w.encode(x.db)
	}
	if err == nil {
		err = w.end(x.nextSeq - 1)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// setAside gives the files a second name in a directory of their own.
func (x *examination) setAside(d disk, paths []string) error {
	aside, err := os.MkdirTemp(x.dir, asidePrefix+time.Now().UTC().Format("20060102T150405Z-"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.Link(path, filepath.Join(aside, filepath.Base(path))); err != nil {
			return err
		}
	}
	x.report.Aside = aside
	return errors.Join(d.syncDir(aside), d.syncDir(x.dir))
}
