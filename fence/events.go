package fence

import (
	"context"
	"encoding/json"
	"fmt"

	"hyperlocal/cache"
)

// Event is a driver's entering or leaving a fence, or having stayed.
type Event struct {
	FenceID  string  `json:"fence_id"`
	Seq      int64   `json:"seq"` // 1, 2, 3, … within a fence
	Kind     Kind    `json:"kind"`
	DriverID string  `json:"driver_id"`
	TS       int64   `json:"ts"` // of the fix that decided, ms since 1970
	Lat      float64 `json:"lat"`
	Lon      float64 `json:"lon"`
	// Silent: the driver was not heard of; an exit after long, or a dwelling by the
	// clock. TS is the server's time then.
	Silent bool `json:"silent,omitempty"`
}

// MaxEvents is how many events Events returns at most.
const MaxEvents = keepEvents

// Events returns at most limit events of a fence with a number greater than
// after, in order. Only the newest thousand are kept.
//
// Errors: ErrNotFound.
func (f *Fences) Events(ctx context.Context, id string, after int64, limit int) ([]Event, error) {
	f.mu.RLock()
	_, known := f.held[id]
	f.mu.RUnlock()
	if !known {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	entries, err := f.engine.XRange(ctx, keyEvents(id), decimal(after+1)+"-0", "+", min(limit, MaxEvents))
	if err != nil {
		return nil, fmt.Errorf("read events of fence %s: %w", id, err)
	}
	events := make([]Event, len(entries))
	for i, e := range entries {
		if events[i], err = decodeEvent(e); err != nil {
			return nil, fmt.Errorf("event %s of fence %s as the engine has it: %w", e.ID, id, err)
		}
	}
	return events, nil
}

func decodeEvent(e cache.Entry) (event Event, err error) {
	for _, field := range e.Fields {
		if field.Name == eventField {
			err = json.Unmarshal([]byte(field.Value), &event)
		}
	}
	return event, err
}
