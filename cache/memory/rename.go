package memory

// A rename is the one effect that does not say what its keys are like afterwards:
// written out, that would be all that the value holds, which may be megabytes. So
// it builds on what the replay has at that moment, and that must be what there
// was when it was recorded. Of two states that is so: of nothing, at the beginning
// of the log, and of a snapshot once all records that it may hold parts of have been
// replayed onto it. Before that it may have later states of either key, see [pager].
//
// Hence while a snapshot is taken, renames are recorded as removals of both keys
// and all that the value holds. Every shard is told so before the log changes to
// the segment that the snapshot is replayed with, each under its lock: who renamed
// before has appended the record by then, to a segment before that one. They are told
// that it is over once the snapshot has its last record, or has failed. So no
// record that is replayed onto what may be later than it is such a rename, whether
// it is in a segment or, while the journal recovers, in the snapshot. If there is no
// snapshot in the end, or it cannot be read, those before it are none the worse: all
// that this one would have replaced comes after their last records.

// rename gives a value another key, in the place of what is there.
func (u *unit) rename(from, to string) bool {
	it := u.findForWrite(from)
	if it == nil || from == to {
		return it != nil
	}
	old := u.findForWrite(to)
	u.recordRename(it, to)
	if old != nil {
		u.remove(old)
	}
	v, deadline := it.value, it.expireAt
	u.remove(it)
	moved := u.insert(to, v)
	if n, ok := v.(*number); ok { // it is part of its item
		moved.number = *n
		moved.value = &moved.number
	}
	u.schedule(moved, deadline)
	u.settle(moved)
	u.wakeReaders(to)
	return true
}

// recordRename records what will have become of both keys. An ephemeral rename
// is the removal of both.
func (u *unit) recordRename(it *item, to string) {
	switch {
	case !u.journaled:
	case u.records() && !u.wholeRenames:
		u.effects.rename(it.key, to)
	default:
		u.effects.del(to)
		u.effects.del(it.key)
		if !u.records() {
			return
		}
		it.value.save(&u.effects, to, func() {})
		if it.expireAt != 0 {
			u.effects.expire(to, it.expireAt)
		}
	}
}

// replayRename is rename by the journal, which may not have what is to be moved:
// it was ephemeral.
func (u *unit) replayRename(from, to string) {
	if !u.rename(from, to) {
		u.del(to)
	}
}

// renameWhole tells every shard whether to record all that a renamed value holds.
// When it returns, what was recorded otherwise is in the journal.
func (db *database) renameWhole(whole bool) {
	for i := range db.shards {
		s := &db.shards[i]
		s.mu.Lock()
		s.wholeRenames = whole
		s.mu.Unlock()
	}
}
