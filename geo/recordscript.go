package geo

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"hyperlocal/cache"
)

//go:embed record.lua
var recordLua string

// recordScript records the fixes of one zone, atomically. Keys, arguments and
// reply are described in record.lua.
var recordScript = &cache.Script{Name: "record", Lua: recordLua, Go: recordTwin}

const (
	// A fix on its way into the script: its compact form, score, number of its
	// bucket among the keys.
	wireFixSize = fixSize + 8 + 2
	believed    = 1 << 15 // in the bucket's number: whatever the speed

	// maxBucketFixes bounds what one driver can put into one bucket: 40 fixes
	// a second of the default bucket.
	maxBucketFixes = 1200

	// setApart is into how many parts a millisecond is divided in seen.
	setApart = 2048

	// maxExpectedFixes bounds the room that a path gets before it needs it.
	maxExpectedFixes = 30

	// seenEvery is how much newer than in seen a driver's newest fix may be, ms.
	seenEvery = 15_000

	// A driver's place in zone may be any that he had in a cell of 1<<indexCellBits 1e-7
	// degree each way, which is at most indexCellMetres across. To keep it to the metre would be a
	// sixth of what a ping costs, and who asks for places reads last.
	indexCellBits   = 11
	indexCellMetres = 32.3

	recordFixedKeys = 5
	recordFixedArgs = 3
)

// The bytes of the record script's reply.
const (
	gotEntered     = 'A' // accepted, and the driver was not settled in this zone
	gotAccepted    = 'a'
	gotStill       = 's' // accepted, but not further away than it is inexact
	gotLate        = 'l'
	gotDuplicate   = 'd'
	gotElsewhere   = 'D' // a duplicate, but of another place
	gotImplausible = 'i'
	gotFull        = 'f'
	gotUnknown     = 'u' // not settled in this zone, and no seed: not recorded
)

// recording is one run of the record script's Go twin. What it reads and writes it
// finds for all drivers at once, which waits for memory far less than for one
// driver after the other. No driver is there twice.
type recording struct {
	tx               cache.Tx
	keys             []string
	maxSpeed, window int64
	bucketMS         int64

	drivers  []string
	sent     []string // by driver: an optional seed and the fixes on the wire
	last     cache.HashFields
	buckets  []bucketPart
	verdicts []byte

	places []cache.Member // scores of those who moved
	times  []cache.Member
	due    []cache.Member // those of times that seen is behind of
}

// bucketPart is the call's drivers' part of one bucket.
type bucketPart struct {
	drivers []int32
	names   []string
	fields  cache.HashFields
	at      int  // of the driver that is being judged, among names
	begun   bool // there is something in the bucket
}

var recordings = sync.Pool{New: func() any { return new(recording) }}

func recordTwin(tx cache.Tx, keys, args []string) cache.Value {
	r := recordings.Get().(*recording)
	r.tx, r.keys = tx, keys
	r.maxSpeed, _ = strconv.ParseInt(args[0], 10, 64) // our own digits
	r.window, _ = strconv.ParseInt(args[1], 10, 64)
	r.bucketMS, _ = strconv.ParseInt(args[2], 10, 64)
	r.divide(args[recordFixedArgs:])
	r.find()
	for i := range r.drivers {
		r.judgeAll(i)
	}
	if len(r.times) > 0 {
		r.writePresent()
	}
	verdicts := string(r.verdicts)
	r.reset()
	return cache.String(verdicts)
}

func sameCell(a, b place) bool {
	return a.lat>>indexCellBits == b.lat>>indexCellBits && a.lon>>indexCellBits == b.lon>>indexCellBits
}

// writePresent writes who is where. In seen a driver is moved once in seenEvery, as
// is everybody if one has come to the zone: who is in zone must be in seen.
func (r *recording) writePresent() {
	due := r.due
	if len(r.places) > 0 && r.tx.ZAddAll(r.keys[0], r.places) > 0 {
		due = r.times
		for _, m := range r.times { // whoever was there all the time is not among the gone
			r.tx.ZRem(r.keys[3], m.Name)
		}
	}
	if len(due) > 0 {
		r.tx.ZAddAll(r.keys[1], due)
	}
}

// maxKeptFixes bounds the working memory that waits for the next run.
const maxKeptFixes = 4096

// reset lets go of everything that is not this run's own memory.
func (r *recording) reset() {
	if len(r.verdicts) > maxKeptFixes {
		return
	}
	clear(r.drivers)
	clear(r.sent)
	clear(r.places)
	clear(r.times)
	clear(r.due)
	for i := range r.buckets {
		b := &r.buckets[i]
		clear(b.names)
		*b = bucketPart{drivers: b.drivers[:0], names: b.names[:0]}
	}
	*r = recording{
		drivers: r.drivers[:0], sent: r.sent[:0], buckets: r.buckets[:0],
		verdicts: r.verdicts[:0], places: r.places[:0], times: r.times[:0], due: r.due[:0],
	}
	recordings.Put(r)
}

// wireFixes is a driver's data without the seed.
func wireFixes(data string) string { return data[len(data)%wireFixSize:] }

func bucketOf(fix string) int { return int(be16(fix[wireFixSize-2:]) &^ believed) }

// divide finds which drivers have a part of which bucket.
func (r *recording) divide(args []string) {
	n := len(r.keys) - recordFixedKeys
	for len(r.buckets) < n && len(r.buckets) < cap(r.buckets) { // an old one's slices are worth keeping
		r.buckets = r.buckets[:len(r.buckets)+1]
	}
	for len(r.buckets) < n {
		r.buckets = append(r.buckets, bucketPart{})
	}
	for driver := int32(0); len(args) > 1; driver, args = driver+1, args[2:] {
		r.drivers, r.sent = append(r.drivers, args[0]), append(r.sent, args[1])
		for data := wireFixes(args[1]); data != ""; data = data[wireFixSize:] {
			b := &r.buckets[bucketOf(data)]
			if last := len(b.drivers) - 1; last < 0 || b.drivers[last] != driver {
				b.drivers, b.names = append(b.drivers, driver), append(b.names, args[0])
			}
		}
	}
}

func (r *recording) find() {
	r.last = r.tx.HFields(r.keys[2], r.drivers)
	for i := range r.buckets {
		b := &r.buckets[i]
		b.fields = r.tx.HFields(r.keys[recordFixedKeys+i], b.names)
		b.begun = b.fields.Exists()
	}
}

// judgeAll judges and records one driver's fixes.
func (r *recording) judgeAll(driver int) {
	for i := range r.buckets {
		if b := &r.buckets[i]; b.at < len(b.drivers) && int(b.drivers[b.at]) < driver {
			b.at++
		}
	}
	old, prev := r.last.Get(driver), place{ts: -1, accuracy: unknown16}
	settled := settledIn(old.Str)
	placed := len(old.Str) == fixSize // in zone, in the cell of the newest fix
	was := prev
	known, entered := settled, false
	before := int64(0)
	if old.OK {
		prev = placeOf(old.Str)
		before, was = prev.ts, prev
	}
	data := wireFixes(r.sent[driver])
	if len(data) < len(r.sent[driver]) {
		known = true
		if seed := placeOf(r.sent[driver]); seed.ts > prev.ts {
			prev = seed
		}
	}
	newest := ""
	for ; data != ""; data = data[wireFixSize:] {
		fix, verdict := data[:wireFixSize], byte(gotUnknown)
		if known {
			at := placeOf(fix)
			verdict = r.judge(prev, at, fix)
			if verdict == gotAccepted || verdict == gotStill {
				if !settled && !entered {
					verdict, entered = gotEntered, true
				}
				prev, newest = at, fix
			}
		}
		r.verdicts = append(r.verdicts, verdict)
	}
	if newest == "" {
		return
	}
	if value := newest[:fixSize]; settled {
		r.last.Set(driver, value)
	} else {
		r.last.Set(driver, value+unsettled)
	}
	name := r.drivers[driver]
	if !placed || !sameCell(was, prev) {
		r.places = append(r.places, cache.Member{Name: name, Score: float64(be64(newest[fixSize:]))})
	}
	// Phones tell whole seconds. Members of one score are in the order of their names,
	// which takes long to find, so they are set apart within their ms by where they are.
	apart := float64(be64(newest[fixSize:])%setApart) / setApart
	r.times = append(r.times, cache.Member{Name: name, Score: float64(prev.ts) + apart})
	if prev.ts/seenEvery != before/seenEvery {
		r.due = append(r.due, r.times[len(r.times)-1])
	}
}

// judge compares a fix with the one before it, and puts it into its bucket if it
// belongs to history.
func (r *recording) judge(prev, at place, fix string) byte {
	if at.ts == prev.ts {
		return duplicate(at.lat == prev.lat && at.lon == prev.lon)
	}
	b := &r.buckets[bucketOf(fix)]
	path, body := b.fields.Get(b.at).Str, fix[bodyStart:bodyEnd]
	dt, d2 := at.ts-prev.ts, 0.0
	if dt < 0 {
		if i := findTime(path, body); i >= 0 {
			return duplicate(path[i:i+10] == body[:10])
		}
	}
	comparable := prev.ts >= 0 && max(dt, -dt) <= r.window
	if comparable {
		d2 = apartSquared(prev, at)
		if fix[wireFixSize-2]&(believed>>8) == 0 && tooFar(d2, prev, at, r.maxSpeed) {
			return gotImplausible
		}
	}
	if len(path) >= maxBucketFixes*bucketFixSize {
		return gotFull
	}
	if !b.begun { // into the index before anything is in the bucket
		key := r.keys[recordFixedKeys+bucketOf(fix)]
		name := key[strings.LastIndexByte(key, ':')+1:]
		start, _ := strconv.ParseInt(name, 10, 64) // our own digits
		r.tx.ZAdd(r.keys[4], name, float64(start))
		b.begun = true
	}
	b.fields.Append(b.at, body, r.roomFor(dt, at.ts))
	switch {
	case dt < 0:
		return gotLate
	case comparable && isStill(d2, prev, at, be16(fix[16:])):
		return gotStill
	}
	return gotAccepted
}

// roomFor is how much longer a driver's path in a bucket will be, in bytes, if fixes
// keep coming at the interval that the last one had.
func (r *recording) roomFor(interval, ts int64) int {
	if interval <= 0 || interval > r.bucketMS {
		return 0
	}
	left := (r.bucketMS - 1 - ts%r.bucketMS) / interval
	return int(min(left, maxExpectedFixes)) * bucketFixSize
}

func duplicate(same bool) byte {
	if same {
		return gotDuplicate
	}
	return gotElsewhere
}

// findTime returns where a path has a fix of the same time, or -1.
func findTime(path, body string) int {
	for i := 0; i+bucketFixSize <= len(path); i += bucketFixSize {
		if path[i] == body[0] && path[i+1] == body[1] {
			return i
		}
	}
	return -1
}
