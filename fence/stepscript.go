package fence

import (
	_ "embed"
	"encoding/json"
	"strconv"

	"hyperlocal/cache"
)

//go:embed step.lua
var stepLua string

// stepScript moves the states of drivers at one fence and appends the events.
// Keys, arguments and reply are described in step.lua.
var stepScript = &cache.Script{Name: "fence_step", Lua: stepLua, Go: stepTwin}

const (
	stepHeadArgs = 8
	stepFixArgs  = 5
	// In place of an accuracy, for a driver who was not heard of:
	goneArg    = "-1" // for so long that the visit ends
	stillArg   = "-2" // and is taken to be where they were
	eventField = "event"

	// keepEvents bounds a fence's stream.
	keepEvents = 1000
)

// The bytes of the reply.
const (
	gotEnter = 'e'
	gotExit  = 'x'
	gotDwell = 'd'
	gotState = '+'
	gotNone  = '-'
	gotOld   = '='
)

var gotKind = map[Kind]byte{Enter: gotEnter, Exit: gotExit, Dwell: gotDwell}

// stepCall begins a call for a fence. Fixes are added by sawFix and
// sawNothing.
func stepCall(id string, r rules) cache.Call {
	quoted, _ := json.Marshal(id) // a string can always be written
	return cache.Call{
		Script: stepScript,
		Keys:   []string{keyDrivers(id), keyEvents(id)},
		Args: []string{
			decimal(r.fixes), decimal(r.confirmMS), strconv.Itoa(leaveMarginDM),
			decimal(r.depthDM), decimal(r.dwellMS), strconv.Itoa(keepEvents),
			Channel(id), `{"fence_id":` + string(quoted) + `,"seq":`,
		},
	}
}

func sawFix(c *cache.Call, f *Fix, o observation) {
	c.Args = append(c.Args, f.DriverID, decimal(o.ts), decimal(o.distanceDM), decimal(o.accuracyDM), f.closing(o.ts, false))
}

// sawNothing is for a driver whose state is of lastTS, and who was not heard of since;
// what that means is goneArg or stillArg.
func sawNothing(c *cache.Call, f *Fix, lastTS, nowMS int64, means string) {
	c.Args = append(c.Args, f.DriverID, decimal(nowMS), decimal(lastTS), means, f.closing(nowMS, true))
}

// closing is how an event of the fix ends.
func (f *Fix) closing(ts int64, silent bool) string {
	b := []byte(`"driver_id":`)
	quoted, _ := json.Marshal(f.DriverID) // a string can always be written
	b = append(b, quoted...)
	b = append(b, `,"ts":`...)
	b = strconv.AppendInt(b, ts, 10)
	b = append(b, `,"lat":`...)
	b = strconv.AppendFloat(b, f.Lat, 'f', 6, 64)
	b = append(b, `,"lon":`...)
	b = strconv.AppendFloat(b, f.Lon, 'f', 6, 64)
	if silent {
		b = append(b, `,"silent":true`...)
	}
	return string(append(b, '}'))
}

func stepTwin(tx cache.Tx, keys, args []string) cache.Value {
	number := func(s string) int64 {
		n, _ := strconv.ParseInt(s, 10, 64) // stepCall wrote it
		return n
	}
	r := rules{fixes: number(args[0]), confirmMS: number(args[1]), depthDM: number(args[3]), dwellMS: number(args[4])}
	keep := int(number(args[5]))
	tell := func(kind Kind, closing string) {
		seq := int64(1)
		if newest := tx.XRevRange(keys[1], "+", "-", 1); len(newest) > 0 {
			seq = seqOf(newest[0]) + 1
		}
		event := args[7] + decimal(seq) + `,"kind":"` + string(kind) + `",` + closing
		tx.XAdd(keys[1], decimal(seq)+"-0", keep, cache.Field{Name: eventField, Value: event})
		tx.Publish(args[6], event)
	}
	var replies []byte
	for fixes := args[stepHeadArgs:]; len(fixes) >= stepFixArgs; fixes = fixes[stepFixArgs:] {
		before := tx.HGet(keys[0], fixes[0])
		s := decodeState(before.Str)
		o := observation{ts: number(fixes[1]), distanceDM: number(fixes[2]), accuracyDM: number(fixes[3])}
		silent := fixes[3] == goneArg || fixes[3] == stillArg
		if silent && s.lastTS != o.distanceDM || !silent && o.ts <= s.lastTS {
			replies = append(replies, gotOld)
			continue
		}
		var kind Kind
		switch {
		case !silent:
			kind = s.step(r, o)
		case fixes[3] == stillArg:
			kind = s.still(r, o.ts)
		case s.inside:
			s, kind = state{}, Exit
		default:
			s = state{}
		}
		if kind != "" {
			tell(kind, fixes[4])
		}
		reply, happened := gotKind[kind]
		switch {
		case s.kept():
			tx.HSet(keys[0], fixes[0], s.encode())
			if !happened {
				reply = gotState
			}
		default:
			if before.OK {
				tx.HDel(keys[0], fixes[0])
			}
			if !happened {
				reply = gotNone
			}
		}
		replies = append(replies, reply)
	}
	return cache.String(string(replies))
}
