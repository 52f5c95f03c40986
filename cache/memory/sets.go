package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// SAdd returns how many members are new.
func (e *Engine) SAdd(ctx context.Context, key string, members ...string) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	return write(ctx, e, "sadd", key, func(u *unit) (int64, error) { return u.sadd(key, members) })
}

// SRem returns how many of members there were; the last one takes the key along.
func (e *Engine) SRem(ctx context.Context, key string, members ...string) (int64, error) {
	return write(ctx, e, "srem", key, func(u *unit) (int64, error) { return u.srem(key, members) })
}

// SMembers returns the members in no particular order.
func (e *Engine) SMembers(ctx context.Context, key string) ([]string, error) {
	return e.SUnion(ctx, key)
}

// SMIsMember answers in the order of members.
func (e *Engine) SMIsMember(ctx context.Context, key string, members ...string) ([]bool, error) {
	return read(ctx, e, "smismember", key, func(r reader) ([]bool, error) {
		s, err := lookup[*memberSet](r, key)
		if err != nil {
			return nil, err
		}
		is := make([]bool, len(members))
		if s != nil {
			for i, m := range members {
				is[i] = s.has(m)
			}
		}
		return is, nil
	})
}

// SCard returns the number of members.
func (e *Engine) SCard(ctx context.Context, key string) (int64, error) {
	return read(ctx, e, "scard", key, func(r reader) (int64, error) {
		s, err := lookup[*memberSet](r, key)
		if s == nil || err != nil {
			return 0, err
		}
		return int64(s.Len()), nil
	})
}

// SUnion returns what is in any of the sets.
func (e *Engine) SUnion(ctx context.Context, keys ...string) ([]string, error) {
	return combine(ctx, e, "sunion", keys, func(all map[string]struct{}, _ int, s *memberSet) { copyNames(all, s) })
}

// SInter returns what is in all of the sets.
func (e *Engine) SInter(ctx context.Context, keys ...string) ([]string, error) {
	return combine(ctx, e, "sinter", keys, func(all map[string]struct{}, i int, s *memberSet) {
		if i == 0 {
			copyNames(all, s)
		} else {
			maps.DeleteFunc(all, func(name string, _ struct{}) bool { return !s.has(name) })
		}
	})
}

// SDiff returns what is in the first of the sets only.
func (e *Engine) SDiff(ctx context.Context, keys ...string) ([]string, error) {
	return combine(ctx, e, "sdiff", keys, func(all map[string]struct{}, i int, s *memberSet) {
		if i == 0 {
			copyNames(all, s)
		} else {
			maps.DeleteFunc(all, func(name string, _ struct{}) bool { return s.has(name) })
		}
	})
}

func copyNames(all map[string]struct{}, s *memberSet) {
	for name := range s.All() {
		all[string(name)] = struct{}{}
	}
}

// combine gives each of the sets to fn in their order, a missing one as an empty
// one, and returns what fn has made of all.
func combine(ctx context.Context, e *Engine, op string, keys []string, fn func(all map[string]struct{}, i int, s *memberSet)) ([]string, error) {
	all := make(map[string]struct{})
	none := newMemberSet()
	var failed error
	err := readMany(ctx, e, op, keys, func(r reader, i int, key string) {
		s, err := lookup[*memberSet](r, key)
		if failed == nil {
			failed = err
		}
		if s == nil {
			s = none
		}
		fn(all, i, s)
	})
	if err == nil && failed != nil {
		err = opError(op, strings.Join(keys, " "), failed)
	}
	if err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(all)), nil
}

func (u *unit) sadd(key string, members []string) (added int64, err error) {
	it, s, err := obtain(u, key, newMemberSet)
	if err != nil {
		return 0, err
	}
	for _, m := range members {
		if s.add(m) {
			added++
		}
	}
	if u.records() {
		u.effects.names(opSAdd, key, members)
	}
	u.settle(it)
	return added, nil
}

func (u *unit) srem(key string, members []string) (removed int64, err error) {
	it, s, err := reach[*memberSet](u, key)
	if it == nil || err != nil {
		return 0, err
	}
	for _, m := range members {
		if s.del(m) {
			removed++
		}
	}
	if removed > 0 {
		if u.records() {
			u.effects.names(opSRem, key, members)
		}
		u.settle(it)
	}
	return removed, nil
}
