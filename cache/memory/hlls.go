package memory

import (
	"context"
	"strings"

	"hyperlocal/cache"
)

// PFAdd makes the key if it is missing, and reports whether the estimate may
// have changed.
func (e *Engine) PFAdd(ctx context.Context, key string, elements ...string) (bool, error) {
	return write(ctx, e, "pfadd", key, func(u *unit) (bool, error) { return u.pfadd(key, elements) })
}

// PFCount estimates the size of the union.
func (e *Engine) PFCount(ctx context.Context, keys ...string) (int64, error) {
	all := newHyperLogLog()
	var failed error
	err := readMany(ctx, e, "pfcount", keys, func(r reader, _ int, key string) {
		h, err := r.pfget(key)
		if failed == nil {
			failed = err
		}
		if h != nil {
			all.merge(h)
		}
	})
	if err == nil && failed != nil {
		err = opError("pfcount", strings.Join(keys, " "), failed)
	}
	if err != nil {
		return 0, err
	}
	return all.count(), nil
}

// PFMerge makes dest the union of itself and sources.
func (e *Engine) PFMerge(ctx context.Context, dest string, sources ...string) error {
	keys := append([]string{dest}, sources...)
	return writeMany(ctx, e, "pfmerge", keys, func(of func(key string) *unit) error {
		all := newHyperLogLog()
		for _, key := range keys {
			h, err := of(key).pfget(key)
			if err != nil {
				return err
			}
			if h != nil {
				all.merge(h)
			}
		}
		return of(dest).putHLL(dest, all)
	})
}

// pfget returns the registers of a key, nil if it is missing. They are not to be
// changed, unless by a unit that then makes them the key's value.
func (r reader) pfget(key string) (*hyperLogLog, error) {
	it := r.find(key)
	if it == nil {
		return nil, nil
	}
	if h, ok := it.value.(*hyperLogLog); ok {
		return h, nil
	}
	s, ok := stringOf(it.value)
	if !ok {
		return nil, cache.ErrWrongType
	}
	return parseHLL(s)
}

func (u *unit) pfadd(key string, elements []string) (bool, error) {
	raised := make([]hllRegister, len(elements))
	for i, element := range elements {
		raised[i] = hllPlace(element)
	}
	return u.pfraise(key, raised)
}

// pfraise makes registers at least what they are to be, and journals those that
// were less. They only ever rise, so older ones change nothing at replay.
func (u *unit) pfraise(key string, registers []hllRegister) (changed bool, err error) {
	if err := u.grow(); err != nil {
		return false, err
	}
	it := u.findForWrite(key)
	h, err := u.pfget(key)
	if err != nil {
		return false, err
	}
	if it == nil {
		h = newHyperLogLog()
		it, changed = u.insert(key, h), true
	}
	var raised []hllRegister
	for _, r := range registers {
		if h.raise(int(r.number), r.value) {
			raised = append(raised, r)
		}
	}
	if !changed && len(raised) == 0 {
		return false, nil
	}
	it.value = h // which may have been a string that nobody had added to
	if u.records() {
		u.effects.registers(key, raised)
	}
	u.settle(it)
	return true, nil
}

// putHLL gives a key registers; its time to live stays.
func (u *unit) putHLL(key string, h *hyperLogLog) error {
	if err := u.grow(); err != nil {
		return err
	}
	it := u.findForWrite(key)
	if it == nil {
		it = u.insert(key, h)
	}
	it.value = h
	if u.records() {
		u.effects.set(key, it.expireAt, h.String())
	}
	u.settle(it)
	return nil
}
