package geo

import (
	_ "embed"
	"strconv"

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

// recording is one run of the record script's Go twin.
type recording struct {
	tx               cache.Tx
	keys             []string
	maxSpeed, window int64
	verdicts         []byte
	indexed          []bool // by bucket: known to be in the index

	// The driver at hand, and the bucket that its last fix went to.
	driver  string
	number  int
	path    []byte
	changed bool
}

func recordTwin(tx cache.Tx, keys, args []string) cache.Value {
	r := recording{tx: tx, keys: keys, indexed: make([]bool, len(keys)-recordFixedKeys)}
	r.maxSpeed, _ = strconv.ParseInt(args[0], 10, 64) // our own digits
	r.window, _ = strconv.ParseInt(args[1], 10, 64)
	r.verdicts = make([]byte, 0, len(args))
	for a := recordFixedArgs; a+1 < len(args); a += 2 {
		r.one(args[a], args[a+1])
	}
	return cache.String(string(r.verdicts))
}

// one records the fixes of one driver.
func (r *recording) one(driver, data string) {
	zone, seen, last, gone := r.keys[0], r.keys[1], r.keys[2], r.keys[3]
	r.driver, r.number, r.path, r.changed = driver, -1, r.path[:0], false

	prev := place{ts: -1}
	old := r.tx.HGet(last, driver)
	present := old.OK && len(old.Str) == fixSize
	if old.OK {
		prev = placeOf(old.Str)
	}
	if len(data)%wireFixSize == seedSize {
		if seed := placeOf(data); seed.ts > prev.ts {
			prev = seed
		}
		data = data[seedSize:]
	}
	newest := ""
	for ; len(data) >= wireFixSize; data = data[wireFixSize:] {
		fix := data[:wireFixSize]
		at := placeOf(fix)
		verdict := r.judge(prev, at, fix)
		if verdict == gotAccepted {
			if !present {
				verdict, present = gotEntered, true
			}
			prev, newest = at, fix
		}
		r.verdicts = append(r.verdicts, verdict)
	}
	r.put()
	if newest == "" {
		return
	}
	r.tx.HSet(last, driver, newest[:fixSize])
	r.tx.ZAdd(zone, driver, float64(be64(newest[fixSize:])))
	if r.tx.ZAdd(seen, driver, float64(prev.ts)) {
		r.tx.ZRem(gone, driver)
	}
}

// judge compares a fix with the one before it, and puts it into its bucket if
// it belongs to history.
func (r *recording) judge(prev, at place, fix string) byte {
	if at.ts == prev.ts {
		return gotDuplicate
	}
	dt := at.ts - prev.ts
	if dt > 0 && prev.ts >= 0 && dt <= r.window && tooFast(prev, at, r.maxSpeed) {
		return gotImplausible
	}
	offset := fix[wireFixSize-2:]
	r.take(int(be16(fix[wireFixSize-4:])), at.ts-int64(be16(offset)))
	known := r.has(offset)
	if !known {
		if len(r.path) >= maxBucketFixes*bucketFixSize {
			return gotFull
		}
		r.path = append(append(r.path, offset...), fix[bodyStart:bodyEnd]...)
		r.changed = true
	}
	switch {
	case dt > 0:
		return gotAccepted
	case known:
		return gotDuplicate
	}
	return gotLate
}

// take makes a bucket the one at hand.
func (r *recording) take(number int, start int64) {
	if number == r.number {
		return
	}
	r.put()
	r.number = number
	key := r.keys[recordFixedKeys+number]
	path := r.tx.HGet(key, r.driver).Str
	r.path = append(r.path[:0], path...)
	if path == "" && !r.indexed[number] {
		r.indexed[number] = true
		if !r.tx.Exists(key) {
			r.tx.ZAdd(r.keys[4], strconv.FormatInt(start, 10), float64(start))
		}
	}
}

// put writes the bucket at hand back.
func (r *recording) put() {
	if r.changed {
		r.tx.HSet(r.keys[recordFixedKeys+r.number], r.driver, string(r.path))
		r.changed = false
	}
}

// has reports whether the bucket at hand has a fix of that offset.
func (r *recording) has(offset string) bool {
	for p := 0; p < len(r.path); p += bucketFixSize {
		if r.path[p] == offset[0] && r.path[p+1] == offset[1] {
			return true
		}
	}
	return false
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
