package cassandra

import (
	"context"
	"errors"
	"time"

	"hyperlocal/persist"
)

// How long a patient Store waits before it tries to connect again: a cluster that cannot
// be reached may be back at any moment; with any other trouble somebody has to look first.
const (
	unreachablePause = time.Second
	troublePause     = 10 * time.Second
)

// keepConnecting begins to connect in the background, after a first try that failed.
// Close ends it.
func (s *Store) keepConnecting(connect func(context.Context) (*session, error), failed error) {
	// No caller's context: this goes on when Open has returned.
	ctx, stop := context.WithCancel(context.Background())
	s.away, s.stopConnecting = failed, stop
	s.connecting.Go(func() {
		for err := failed; err != nil; {
			pause := unreachablePause
			if !errors.Is(err, persist.ErrUnavailable) {
				pause = troublePause
			}
			wait(ctx, pause)
			if ctx.Err() != nil {
				return
			}
			var session *session
			session, err = connect(ctx)
			if err == nil || ctx.Err() == nil { // what Close broke off tells nobody anything
				s.connected(session, err)
			}
		}
	})
}

// connected notes how a try to connect has ended.
func (s *Store) connected(session *session, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.away = session, err
}
