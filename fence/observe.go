package fence

import (
	"context"
	"fmt"
	"slices"

	"hyperlocal/cache"
)

// Observe takes in n fixes, which are each the newest of their driver; fix
// returns one of them, or false for one that is to be passed over. Fixes of one
// driver are in the order of time.
//
// An error means that the engine did not take them, or not all. Later fixes make
// up for it.
func (f *Fences) Observe(ctx context.Context, n int, fix func(i int) (Fix, bool)) error {
	s := f.look(n, fix)
	if s == nil {
		return nil
	}
	f.count(s.awaited)
	return f.apply(ctx, s)
}

// sight is what fixes have to do with fences: usually nothing, and then there is
// no sight.
type sight struct {
	visits  []visit
	byFence map[*held]int      // places in visits
	entered map[string][]*held // fences that drivers may be about to enter by these fixes
	awaited []awaitedFix
}

// visit is one fence's part: the call of the script, and its drivers in order.
type visit struct {
	fence   *held
	call    cache.Call
	drivers []string
}

type awaitedFix struct {
	await *await
	observation
}

// look finds the fences that fixes matter to.
func (f *Fences) look(n int, fix func(i int) (Fix, bool)) *sight {
	now := f.nowMS()
	f.mu.RLock()
	defer f.mu.RUnlock()
	var s *sight
	need := func() *sight {
		if s == nil {
			s = newSight()
		}
		return s
	}
	for i := range n {
		p, ok := fix(i)
		if !ok {
			continue
		}
		for _, a := range f.awaiting.get(p.DriverID) {
			if o, ok := a.shape.observe(&p); ok {
				need().awaited = append(s.awaited, awaitedFix{a, o})
			}
		}
		var known []*held
		if v := f.visitors.get(p.DriverID); v != nil {
			known = v.fences
			v.seenTS.Store(now)
		}
		if s != nil && len(s.entered) > 0 {
			known = append(slices.Clip(known), s.entered[p.DriverID]...)
		}
		for _, h := range known {
			if o, ok := h.shape.observe(&p); ok && !h.gone {
				need().add(h, &p, o)
			}
		}
		f.index.around(p.Lat, p.Lon, func(h *held) {
			if slices.Contains(known, h) {
				return
			}
			if o, ok := h.shape.observe(&p); ok && o.within(h.rules) {
				need().add(h, &p, o)
				s.entered[p.DriverID] = append(s.entered[p.DriverID], h)
			}
		})
	}
	return s
}

func newSight() *sight {
	return &sight{byFence: map[*held]int{}, entered: map[string][]*held{}}
}

// of returns the part of a fence.
func (s *sight) of(h *held) *visit {
	i, ok := s.byFence[h]
	if !ok {
		i = len(s.visits)
		s.byFence[h] = i
		s.visits = append(s.visits, visit{fence: h, call: stepCall(h.id, h.rules)})
	}
	return &s.visits[i]
}

func (s *sight) add(h *held, p *Fix, o observation) {
	v := s.of(h)
	sawFix(&v.call, p, o)
	v.drivers = append(v.drivers, p.DriverID)
}

// apply moves the states in the engine and takes in what became of them.
func (f *Fences) apply(ctx context.Context, s *sight) error {
	if len(s.visits) == 0 {
		return nil
	}
	if err := f.noteOccupied(ctx, s.visits); err != nil {
		f.failures.Add(1)
		return err
	}
	calls := make([]cache.Call, len(s.visits))
	for i := range s.visits {
		calls[i] = s.visits[i].call
	}
	var failed error
	for i, r := range f.engine.RunAll(ctx, calls) {
		if r.Err != nil {
			failed = fmt.Errorf("fixes at fence %s: %w", s.visits[i].fence.id, r.Err)
			continue
		}
		f.took(&s.visits[i], r.Value.Str)
	}
	if failed != nil {
		f.failures.Add(1)
	}
	return failed
}

// noteEvery is how often a fence is noted as occupied; unoccupiedAfter is well
// more, so that Sweep takes no note away that a server relies on.
const (
	noteEveryMS       = 60_000
	unoccupiedAfterMS = 180_000
)

// noteOccupied lets Sweep know of the fences before there is a state to be found.
func (f *Fences) noteOccupied(ctx context.Context, visits []visit) error {
	now := f.nowMS()
	var due []cache.Member
	for i := range visits {
		if now-visits[i].fence.noted.Load() >= noteEveryMS {
			due = append(due, cache.Member{Name: visits[i].fence.id, Score: float64(now)})
		}
	}
	if len(due) == 0 {
		return nil
	}
	if _, err := f.engine.ZAdd(ctx, keyOccupied, due...); err != nil {
		return fmt.Errorf("note fences as occupied: %w", err)
	}
	for i := range visits {
		visits[i].fence.noted.Store(now)
	}
	return nil
}

// took counts the events and remembers who has a state.
func (f *Fences) took(v *visit, reply string) {
	for i, kind := range Kinds {
		for _, got := range []byte(reply) {
			if got == gotKind[kind] {
				f.events[i].Add(1)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range min(len(reply), len(v.drivers)) {
		switch reply[i] {
		case gotNone, gotExit:
			f.forgetVisit(v.drivers[i], v.fence)
		default:
			f.rememberVisit(v.drivers[i], v.fence)
		}
	}
}

// rememberVisit and forgetVisit are called with f.mu held.
func (f *Fences) rememberVisit(driver string, h *held) {
	v := f.visitors.get(driver)
	switch {
	case h.gone || v == nil && len(f.visitors.all) >= maxRemembered:
		return
	case v == nil:
		v = &visitor{}
		f.visitors.put(driver, v)
	}
	v.seenTS.Store(f.nowMS())
	if !slices.Contains(v.fences, h) {
		v.fences = append(slices.DeleteFunc(v.fences, func(h *held) bool { return h.gone }), h)
	}
}

func (f *Fences) forgetVisit(driver string, h *held) {
	v := f.visitors.get(driver)
	if v == nil {
		return
	}
	v.fences = slices.DeleteFunc(v.fences, func(other *held) bool { return other == h || other.gone })
	if len(v.fences) == 0 {
		f.visitors.remove(driver)
	}
}
