package ingest

import "time"

// maxPause is how long the pings of a frame wait until their senders may send them, at
// most.
const maxPause = 30 * time.Second

// hand hands a stream's pings on to be recorded as fast as their senders may send
// them, and returns when the stream may be read again: so a client that is ahead is
// slowed by TCP. Pings that would have to wait for longer than maxPause are limited,
// because what waits takes memory.
func (st *stream) hand(pings []Ping) error {
	h := st.streams.handler
	t := toll{limits: h.limits, sender: st.sender}
	for waited := time.Duration(0); len(pings) > 0; {
		n, wait := t.pay(pings, h.opt.Now())
		if waited >= maxPause {
			t.refuse(pings[n:], h.opt.Now())
			n = len(pings)
		}
		if n > 0 {
			st.streams.collector.join(st, pings[:n])
			st.received += uint64(n)
			pings = pings[n:]
		}
		if wait == 0 {
			continue
		}
		if st.due.IsZero() {
			st.due = time.Now().Add(st.ackAfter)
		}
		wait = min(wait, maxPause)
		waited += wait
		st.wire.pause(wait)
		now := time.Now()
		st.wire.heard = now // nobody has listened
		if err := st.idle(now); err != nil {
			return err
		}
	}
	return nil
}

// toll is what a stream pays of its senders' limits for the pings of a frame.
type toll struct {
	*limits
	sender sender
	paid   int // of the next pings the sender has paid for so many
}

// pay pays for as many pings as may be handed on now, and returns how many they are,
// and how long nothing more may be.
func (t *toll) pay(pings []Ping, now time.Time) (n int, wait time.Duration) {
	if t.sender.quota == nil {
		t.paid = len(pings)
	} else if t.paid == 0 {
		t.paid, wait = t.sender.quota.table.Owe(t.sender.key, len(pings), now)
	}
	n = t.paid
	if t.drivers != nil {
		t.warm(pings[:n])
		for i := range pings[:n] {
			p := &pings[i]
			if !p.OK {
				continue
			}
			taken, w := t.drivers.Owe(p.Fix.DriverID, 1, now)
			wait = max(wait, w)
			if taken == 0 {
				n = i
				break
			}
		}
	}
	t.paid -= n
	return n, wait
}

// refuse makes faults of the pings whose senders have sent too many; the others have
// done nothing for which they should wait.
func (t *toll) refuse(pings []Ping, now time.Time) {
	if q := t.sender.quota; q != nil && t.paid < len(pings) {
		taken, wait := q.table.Owe(t.sender.key, len(pings)-t.paid, now)
		for i := t.paid + taken; i < len(pings); i++ {
			pings[i] = Ping{Fault: tooFast("", wait)}
		}
	}
	t.driver(pings, now)
}
