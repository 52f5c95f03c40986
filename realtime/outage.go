package realtime

import "log/slog"

// outage logs the beginning and the end of a series of failures, not each.
type outage struct {
	log  *slog.Logger
	what string
	down bool
}

func (o *outage) report(err error) {
	switch {
	case err != nil && !o.down:
		o.log.Warn("followers get no news", "of", o.what, "err", err)
	case err == nil && o.down:
		o.log.Info("followers get news again", "of", o.what)
	}
	o.down = err != nil
}
