package realtime

// latest is a state of many parts, such as a zone's drivers, where the newest
// value of each part wins. Every part remembers the version at which it
// changed, so that "what is new since version v" can be told at any time.
// topic.mu guards it.
type latest struct {
	version uint64
	parts   map[string]part

	// frames remembers the encodings of the present version, by the version
	// they start from. Followers that keep up ask for one and the same.
	frames map[uint64]*frame
}

type part struct {
	version uint64
	order   int64 // greater is newer: a time, for positions
	json    []byte
}

// maxFrames bounds the encodings kept: the last tick's, the whole state for new
// followers, and some for those who lag by a few ticks.
const maxFrames = 8

// put takes a part if it is newer than the one there, and reports whether it
// was. The caller ends a series of puts with commit.
func (l *latest) put(name string, order int64, encode func([]byte) []byte) bool {
	if old, ok := l.parts[name]; ok && old.order >= order {
		return false
	}
	if l.parts == nil {
		l.parts = map[string]part{}
	}
	l.parts[name] = part{version: l.version + 1, order: order, json: encode(nil)}
	return true
}

// commit makes the parts put since the last commit a new version.
func (l *latest) commit() {
	l.version++
	l.frames = nil
}

// prune forgets the parts older than order. Followers are not told: what is not
// refreshed fades at their end by the same age.
func (l *latest) prune(order int64) {
	for name, p := range l.parts {
		if p.order < order {
			delete(l.parts, name)
			l.frames = nil
		}
	}
}

// clear forgets all parts.
func (l *latest) clear() {
	clear(l.parts)
	l.frames = nil
}

// since appends the parts that changed after version from, separated by commas,
// with their names if named. ok is false if there are none.
func (l *latest) since(b []byte, from uint64, named bool) (_ []byte, ok bool) {
	for name, p := range l.parts {
		if p.version <= from {
			continue
		}
		if ok {
			b = append(b, ',')
		}
		if named {
			b = append(appendString(b, name), ':')
		}
		b = append(b, p.json...)
		ok = true
	}
	return b, ok
}

// remember keeps the encoding of the present version from version from.
func (l *latest) remember(from uint64, f *frame) {
	if l.frames == nil {
		l.frames = map[uint64]*frame{}
	}
	if len(l.frames) < maxFrames {
		l.frames[from] = f
	}
}
