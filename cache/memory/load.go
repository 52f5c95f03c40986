package memory

import (
	"context"
	"errors"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// loadAhead is how many frames of a snapshot, of some 256 KiB each, may wait for
// each of the goroutines that apply them. A shard has a few, and a shard's are
// for one goroutine: the others get theirs while it is at work.
const loadAhead = 32

// loadFrame is the effects in a frame of a snapshot, which ends at end.
type loadFrame struct {
	effects string
	end     int64
}

// loadError is an error about the frame that ends at end.
type loadError struct {
	end int64
	err error
}

func (e *loadError) Error() string { return e.err.Error() }
func (e *loadError) Unwrap() error { return e.err }

// load applies the frames of a snapshot up to and with the last: those of one
// shard in their order, those of different shards at the same time, and then the
// records. After an error frames.offset is where it was found.
func (db *database) load(frames *frameReader, info *snapshotInfo) error {
	queues := make([]chan loadFrame, runtime.GOMAXPROCS(0))
	var g errgroup.Group
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for i := range queues {
		queues[i] = make(chan loadFrame, loadAhead)
		g.Go(func() error {
			for f := range queues[i] {
				if err := db.replay(f.effects); err != nil {
					stop()
					return &loadError{f.end, err}
				}
			}
			return nil
		})
	}
	numbered := numberedFrames{frameReader: frames}
	frame, err := deal(ctx, &numbered, queues)
	for _, q := range queues {
		close(q)
	}
	// What could not be applied stands before what could not be read.
	if applied := g.Wait(); applied != nil {
		err = applied
	}
	if failed := (*loadError)(nil); errors.As(err, &failed) {
		frames.offset = failed.end
	}
	if err != nil {
		return err
	}
	for ; frame[0] == opRecord; info.nextSeq++ {
		if err := db.replay(frame[1:]); err != nil {
			return err
		}
		if frame, err = numbered.next(); err != nil {
			return err
		}
	}
	if frame[0] != opEnd || frames.offset != frames.size {
		return errSnapshotEnd
	}
	return info.readEnd(frame[1:])
}

// numberedFrames reads the frames of a snapshot.
type numberedFrames struct {
	*frameReader
	n uint64
}

func (f *numberedFrames) next() (payload string, err error) {
	f.n++
	seq, b, err := f.frameReader.next()
	if errors.Is(err, io.EOF) || err == nil && seq != f.n {
		return "", errSnapshotEnd
	}
	return string(b), err
}

// deal gives each frame to the queue of its shard. It returns the first that is
// not a shard's.
func deal(ctx context.Context, frames *numberedFrames, queues []chan loadFrame) (other string, err error) {
	for {
		payload, err := frames.next()
		if err != nil || payload[0] == opRecord || payload[0] == opEnd {
			return payload, err
		}
		f := loadFrame{effects: payload, end: frames.offset}
		shard, err := shardOfEffects(f.effects)
		if err != nil {
			return "", err
		}
		select {
		case queues[shard%len(queues)] <- f:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
