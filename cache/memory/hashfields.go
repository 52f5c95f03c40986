package memory

import (
	"hyperlocal/cache"
	"hyperlocal/cache/memory/internal/dict"
)

// hashFields is what tx.HFields returns. Its hash is made by the first write.
type hashFields struct {
	t     *tx
	key   string
	names []string
	refs  []dict.Ref
	few   [4]dict.Ref // of refs, if they are not more
	h     *hash
	it    *item // nil before the first write
}

var _ cache.HashFields = (*hashFields)(nil)

// HFields implements cache.Tx.
func (t *tx) HFields(key string, names []string) cache.HashFields {
	f := &hashFields{t: t, key: key, names: names}
	if f.refs = f.few[:]; len(names) > len(f.few) {
		f.refs = make([]dict.Ref, len(names))
	}
	f.refs = f.refs[:len(names)]
	f.h = do(t, key, func(u *unit) (*hash, error) { return lookup[*hash](u.reader, key) })
	if f.h != nil {
		f.h.FindMany(names, f.refs)
	}
	return f
}

func (f *hashFields) Exists() bool { return f.h != nil }

func (f *hashFields) Get(i int) cache.Optional {
	if f.t.err != nil || f.refs[i] == 0 {
		return cache.Optional{}
	}
	return cache.Optional{Str: viewOf(f.h.Value(f.refs[i])), OK: true}
}

func (f *hashFields) Set(i int, value string) {
	f.write(func(u *unit) {
		if f.refs[i] == 0 || !f.h.Overwrite(f.refs[i], value) {
			f.refs[i], _ = f.h.Put(f.names[i], value)
		}
		if u.records() {
			u.effects.fields(opHSet, f.key, []cache.Field{{Name: f.names[i], Value: value}})
		}
	})
}

func (f *hashFields) Append(i int, text string, room int) {
	f.write(func(u *unit) {
		at := 0
		if f.refs[i] == 0 {
			f.refs[i] = f.h.Add(f.names[i], text, room)
		} else {
			at = len(f.h.Value(f.refs[i]))
			f.refs[i] = f.h.Append(f.refs[i], f.names[i], text, room)
		}
		if u.records() {
			u.effects.fieldEnd(f.key, f.names[i], at, text)
		}
	})
}

// write runs fn on a hash that is there.
func (f *hashFields) write(fn func(u *unit)) {
	do(f.t, f.key, func(u *unit) (struct{}, error) {
		if f.it == nil {
			var err error
			if f.it, f.h, err = obtain(u, f.key, newHash); err != nil {
				return struct{}{}, err
			}
		}
		fn(u)
		u.settle(f.it)
		return struct{}{}, nil
	})
}

// replayWrite puts text into a field's value from a position to its end. If the
// value ends before, it is what a later record made of it, and is left alone.
func (u *unit) replayWrite(key, name string, at uint64, text string) error {
	it, h, err := obtain(u, key, newHash)
	if err != nil {
		return err
	}
	defer u.settle(it)
	ref := h.Find(name)
	if ref == 0 {
		if at == 0 {
			h.Set(name, text)
		}
		return nil
	}
	if value := h.Value(ref); at <= uint64(len(value)) {
		h.Set(name, string(value[:at])+text)
	}
	return nil
}
