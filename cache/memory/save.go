package memory

import (
	"runtime"
	"strconv"
	"unsafe"

	"hyperlocal/cache"
)

const (
	// pageBytes is how much of a shard is encoded at a time: some thousand
	// elements, for a fraction of a millisecond.
	pageBytes = 32 << 10
	// snapshotFrame is the payload at which a frame is closed.
	snapshotFrame = 256 << 10
	// keysPerPage is how many keys are looked up at a time.
	keysPerPage = 64
	// snapshotChunk is how many elements of a collection are in one effect.
	snapshotChunk = 256
)

// pager encodes shards for a snapshot, a page at a time: between pages writers
// have the shard. So what it collects is no state that ever was. It becomes one
// when all the records appended since the encoding began are replayed onto it:
//
//   - The state is made of cells: the field of a hash, the member of a set, the
//     entry of a stream, a string, the time to live, and the type of each key.
//     An effect names the cells it is about and says what is in them afterwards,
//     whatever was in them before.
//   - A cell that no record names is the same all the time. It is collected, as
//     each walk shows what is there from its beginning to its end, and replay
//     leaves it alone.
//   - A cell that a record names is in the end what the last such record says,
//     whatever was collected. That a key is gone, which is always recorded, names
//     all its cells.
//   - The record of a rename would depend on what was there before. None is made
//     meanwhile: see unit.rename.
//
// For that to hold, replay must take each effect as it stands. A key that
// meanwhile was collected with another type makes way to what an earlier record
// says of it; that it got another type means that it was gone in between, so a
// later record says that too. A collection that is empty at some moment of the
// replay stays, with its time to live, until a record says that it is gone. An
// entry of a stream comes once: ids rise, so what is not greater than the last
// id that was collected had been there when the end of the stream was.
type pager struct {
	w     *snapshotWriter
	shard *shard
	e     effects
	begun int // len(e.b) at the beginning of the page
	err   error
}

// encode collects a shard.
func (p *pager) encode(s *shard) error {
	p.shard = s
	s.mu.RLock()
	var items []*item
	for from, more := uint64(0), true; more; {
		items = items[:0]
		from, more = s.keys.page(from, keysPerPage, func(it *item) { items = append(items, it) })
		for _, it := range items { // some may be gone by now, as a record says
			it.value.save(&p.e, it.key, p.cut)
			if it.expireAt != 0 { // that of an item that is gone is 0
				p.e.expire(it.key, it.expireAt)
			}
			p.w.keys++
		}
		more = more && p.err == nil
	}
	s.mu.RUnlock()
	p.flush()
	return p.err
}

// cut ends a page if it is long enough.
func (p *pager) cut() {
	if len(p.e.b)-p.begun < pageBytes && !p.w.everyCut {
		return
	}
	p.shard.mu.RUnlock()
	if len(p.e.b) >= snapshotFrame {
		p.flush()
	}
	p.begun = len(p.e.b)
	// Where there are few processors, what has become ready need not wait until
	// the scheduler takes this one away, which is 10 ms.
	runtime.Gosched()
	if p.err == nil {
		p.err = p.w.between()
	}
	p.shard.mu.RLock()
}

// flush makes a frame of what is encoded. After an error it is dropped.
func (p *pager) flush() {
	if p.err == nil && len(p.e.b) > 0 {
		p.err = p.w.put(p.e.b)
	}
	p.e.reset()
	p.begun = 0
}

func (t *text) save(w *effects, key string, cut func()) {
	w.set(key, 0, t.s)
	cut()
}

func (n *number) save(w *effects, key string, cut func()) {
	w.set(key, 0, strconv.FormatInt(n.n, 10))
	cut()
}

// eachPage encodes a collection, page by page, with a cut after each. A page may
// turn out empty; the first is written even then, as the key's type and its time
// to live are cells, too.
func eachPage(cut func(), encode func(from uint64) (next uint64, more bool)) {
	for from, more := uint64(0), true; more; cut() {
		from, more = encode(from)
	}
}

func (h *hash) save(w *effects, key string, cut func()) {
	fields := make([]cache.Field, 0, min(snapshotChunk, h.Len()))
	eachPage(cut, func(from uint64) (next uint64, more bool) {
		fields = fields[:0]
		next, more = h.Page(from, snapshotChunk, func(name, value []byte) {
			fields = append(fields, cache.Field{Name: viewOf(name), Value: viewOf(value)})
		})
		if len(fields) > 0 || from == 0 {
			w.fields(opHSet, key, fields)
		}
		return next, more
	})
}

func (s *memberSet) save(w *effects, key string, cut func()) {
	names := make([]string, 0, min(snapshotChunk, s.Len()))
	eachPage(cut, func(from uint64) (next uint64, more bool) {
		names = names[:0]
		next, more = s.Page(from, snapshotChunk, func(name, _ []byte) { names = append(names, viewOf(name)) })
		if len(names) > 0 || from == 0 {
			w.names(opSAdd, key, names)
		}
		return next, more
	})
}

func (z *sortedSet) save(w *effects, key string, cut func()) {
	members := make([]cache.Member, 0, min(snapshotChunk, z.Len()))
	eachPage(cut, func(from uint64) (next uint64, more bool) {
		members = members[:0]
		next, more = z.Page(from, snapshotChunk, func(name []byte, score float64) {
			members = append(members, cache.Member{Name: viewOf(name), Score: score})
		})
		if len(members) > 0 || from == 0 {
			w.members(key, members)
		}
		return next, more
	})
}

// viewOf is a string over bytes that do not change while it is used.
func viewOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// save writes the last id in the same page as the end of the entries: what is
// added later is not skipped by replay.
func (s *stream) save(w *effects, key string, cut func()) {
	var next streamID
	for i := 0; i < s.len(); i = s.index(next) {
		e := s.entries[s.head+i]
		w.entry(key, e.id, e.packed)
		cut()
		var more bool
		if next, more = e.id.next(); !more {
			break
		}
	}
	w.id(opXLast, key, s.last)
	cut()
}
