package geo

import (
	_ "embed"
	"slices"
	"strconv"
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
	// bucket among the keys, offset in the bucket.
	wireFixSize = fixSize + 8 + 2 + 2
	seedSize    = 16

	// maxBucketFixes bounds what one driver can put into one bucket: 40 fixes
	// a second of the default bucket.
	maxBucketFixes = 1200

	recordFixedKeys = 5
	recordFixedArgs = 2
)

// The bytes of the record script's reply.
const (
	gotEntered     = 'A' // accepted, and the driver was not in this zone before
	gotAccepted    = 'a'
	gotLate        = 'l'
	gotDuplicate   = 'd'
	gotImplausible = 'i'
	gotFull        = 'f'
)

// recording is one run of the record script's Go twin. It reads what it needs,
// judges, and writes what has changed, each for all drivers at once: that waits
// for memory far less than one driver after the other. No driver is there twice.
type recording struct {
	tx               cache.Tx
	keys             []string
	maxSpeed, window int64

	drivers  []string
	sent     []string // by driver: an optional seed and the fixes on the wire
	parts    []part
	of       []int32   // by fix: its part
	buckets  [][]int32 // parts
	verdicts []byte

	newest []cache.Field  // fixes that are their driver's newest now
	places []cache.Member // their scores
	times  []cache.Member

	paths, written []byte // what parts' paths are made in, and are written from
	names          []string
	fields         []cache.Field
}

// part is one driver's part of one bucket.
type part struct {
	driver  int32
	fixes   int32 // on the wire
	start   int64 // of the bucket, ms since 1970
	path    []byte
	begun   bool // path was not empty
	changed bool
}

var recordings = sync.Pool{New: func() any { return new(recording) }}

func recordTwin(tx cache.Tx, keys, args []string) cache.Value {
	r := recordings.Get().(*recording)
	r.tx, r.keys = tx, keys
	r.maxSpeed, _ = strconv.ParseInt(args[0], 10, 64) // our own digits
	r.window, _ = strconv.ParseInt(args[1], 10, 64)
	r.divide(args[recordFixedArgs:])
	r.readPaths()
	r.judgeAll()
	r.writePaths()
	if len(r.newest) > 0 {
		r.tx.HSetAll(keys[2], r.newest)
		r.tx.ZAddAll(keys[0], r.places)
		if r.tx.ZAddAll(keys[1], r.times) > 0 {
			for _, m := range r.times { // whoever was seen all the time is not among the gone
				r.tx.ZRem(keys[3], m.Name)
			}
		}
	}
	verdicts := string(r.verdicts)
	r.reset()
	return cache.String(verdicts)
}

// maxKeptFixes bounds the working memory that waits for the next run.
const maxKeptFixes = 4096

// reset lets go of everything that is not this run's own memory.
func (r *recording) reset() {
	if len(r.of) > maxKeptFixes || cap(r.paths) > maxKeptFixes*bucketFixSize*10 {
		return
	}
	clear(r.drivers)
	clear(r.sent)
	clear(r.parts)
	clear(r.newest)
	clear(r.places)
	clear(r.times)
	clear(r.names)
	clear(r.fields)
	*r = recording{
		drivers: r.drivers[:0], sent: r.sent[:0], parts: r.parts[:0], of: r.of[:0], buckets: r.buckets[:0],
		verdicts: r.verdicts[:0], newest: r.newest[:0], places: r.places[:0], times: r.times[:0],
		paths: r.paths[:0], written: r.written[:0], names: r.names[:0], fields: r.fields[:0],
	}
	recordings.Put(r)
}

// wireFixes is a driver's data without the seed.
func wireFixes(data string) string { return data[len(data)%wireFixSize:] }

// divide finds the part of each fix.
func (r *recording) divide(args []string) {
	for len(r.buckets) < len(r.keys)-recordFixedKeys {
		if n := len(r.buckets); n < cap(r.buckets) {
			r.buckets = r.buckets[:n+1]
			r.buckets[n] = r.buckets[n][:0]
		} else {
			r.buckets = append(r.buckets, nil)
		}
	}
	for driver := int32(0); len(args) > 1; driver, args = driver+1, args[2:] {
		r.drivers, r.sent = append(r.drivers, args[0]), append(r.sent, args[1])
		for data := wireFixes(args[1]); data != ""; data = data[wireFixSize:] {
			bucket, offset := be16(data[wireFixSize-4:]), be16(data[wireFixSize-2:])
			in := r.buckets[bucket]
			if len(in) == 0 || r.parts[in[len(in)-1]].driver != driver {
				in = append(in, int32(len(r.parts)))
				r.buckets[bucket] = in
				r.parts = append(r.parts, part{driver: driver, start: placeOf(data).ts - int64(offset)})
			}
			p := in[len(in)-1]
			r.parts[p].fixes++
			r.of = append(r.of, p)
		}
	}
}

// readPaths reads the drivers' parts of the buckets, and leaves room for what
// comes.
func (r *recording) readPaths() {
	for bucket, in := range r.buckets {
		r.names = r.names[:0]
		for _, p := range in {
			r.names = append(r.names, r.drivers[r.parts[p].driver])
		}
		paths := r.tx.HMGet(r.keys[recordFixedKeys+bucket], r.names)
		if r.tx.Err() != nil {
			return
		}
		for i, path := range paths {
			p := &r.parts[in[i]]
			p.begun = path.Str != ""
			at := len(r.paths)
			r.paths = slices.Grow(append(r.paths, path.Str...), int(p.fixes)*bucketFixSize)
			end := len(r.paths) + int(p.fixes)*bucketFixSize
			p.path, r.paths = r.paths[at:len(r.paths):end], r.paths[:end]
		}
	}
}

func (r *recording) judgeAll() {
	lasts := r.tx.HMGet(r.keys[2], r.drivers)
	if r.tx.Err() != nil {
		return
	}
	of := r.of
	for i, driver := range r.drivers {
		prev := place{ts: -1}
		present := lasts[i].OK && len(lasts[i].Str) == fixSize
		if lasts[i].OK {
			prev = placeOf(lasts[i].Str)
		}
		data := wireFixes(r.sent[i])
		if len(data) < len(r.sent[i]) {
			if seed := placeOf(r.sent[i]); seed.ts > prev.ts {
				prev = seed
			}
		}
		newest := ""
		for ; data != ""; data, of = data[wireFixSize:], of[1:] {
			fix := data[:wireFixSize]
			at := placeOf(fix)
			verdict := r.judge(prev, at, fix, &r.parts[of[0]])
			if verdict == gotAccepted {
				if !present {
					verdict, present = gotEntered, true
				}
				prev, newest = at, fix
			}
			r.verdicts = append(r.verdicts, verdict)
		}
		if newest != "" {
			r.newest = append(r.newest, cache.Field{Name: driver, Value: newest[:fixSize]})
			r.places = append(r.places, cache.Member{Name: driver, Score: float64(be64(newest[fixSize:]))})
			r.times = append(r.times, cache.Member{Name: driver, Score: float64(prev.ts)})
		}
	}
}

// judge compares a fix with the one before it, and puts it into its part if it
// belongs to history.
func (r *recording) judge(prev, at place, fix string, p *part) byte {
	if at.ts == prev.ts {
		return gotDuplicate
	}
	dt := at.ts - prev.ts
	if dt > 0 && prev.ts >= 0 && dt <= r.window && tooFast(prev, at, r.maxSpeed) {
		return gotImplausible
	}
	offset := fix[wireFixSize-2:]
	known := p.has(offset)
	if !known {
		if len(p.path) >= maxBucketFixes*bucketFixSize {
			return gotFull
		}
		p.path = append(append(p.path, offset...), fix[bodyStart:bodyEnd]...)
		p.changed = true
	}
	switch {
	case dt > 0:
		return gotAccepted
	case known:
		return gotDuplicate
	}
	return gotLate
}

// has reports whether there is a fix of that offset.
func (p *part) has(offset string) bool {
	for i := 0; i < len(p.path); i += bucketFixSize {
		if p.path[i] == offset[0] && p.path[i+1] == offset[1] {
			return true
		}
	}
	return false
}

// writePaths writes the parts that have changed, and puts new buckets into the
// index before anything is in them.
func (r *recording) writePaths() {
	for bucket, in := range r.buckets {
		key := r.keys[recordFixedKeys+bucket]
		r.written, r.fields = r.written[:0], r.fields[:0]
		for _, i := range in {
			p := &r.parts[i]
			if !p.changed {
				continue
			}
			if len(r.fields) == 0 && !p.begun && !r.tx.Exists(key) {
				r.tx.ZAdd(r.keys[4], strconv.FormatInt(p.start, 10), float64(p.start))
			}
			r.written = append(r.written, p.path...)
			r.fields = append(r.fields, cache.Field{Name: r.drivers[p.driver]})
		}
		text := string(r.written)
		for i, n := 0, 0; n < len(r.fields); i++ {
			if p := &r.parts[in[i]]; p.changed {
				r.fields[n].Value, text = text[:len(p.path)], text[len(p.path):]
				n++
			}
		}
		if len(r.fields) > 0 {
			r.tx.HSetAll(key, r.fields)
		}
	}
}

// tooFast reports whether no vehicle gets from one place to the other in time,
// maxSpeed being in 1e-7 degree of arc per second. It must round exactly as
// record.lua does: the conversions keep the compiler from fusing products and
// sums.
func tooFast(from, to place, maxSpeed int64) bool {
	const halfTurn, turn = 1_800_000_000, 3_600_000_000
	dLat := float64(to.lat) - float64(from.lat)
	dLon := float64(to.lon) - float64(from.lon)
	if dLon > halfTurn {
		dLon -= turn
	} else if dLon < -halfTurn {
		dLon += turn
	}
	x := (float64(from.lat) + float64(to.lat)) * 8.726646259971648e-10 // mean, radians
	q := float64(x * x)
	c := 1.0/720 - q/40320
	c = 1.0/24 - float64(q*c)
	c = 1.0/2 - float64(q*c)
	c = 1 - float64(q*c)
	east := float64(dLon * c)
	reach := float64(maxSpeed) * float64(to.ts-from.ts)
	return (float64(dLat*dLat)+float64(east*east))*1_000_000 > reach*reach
}
