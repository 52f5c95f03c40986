// Package loadtest makes the traffic of a city's delivery partners and sends it
// like any partner app would: over HTTP, to the public API.
//
// A [Fleet] moves partners along recorded [Trace]s, turned and shifted onto a
// city; a [Client] sends what they report and counts what became of it. A fleet
// is deterministic: the same configuration asked at the same times gives the
// same pings. Both are safe for concurrent use, neither calls the other, and no
// lock is held while anything is sent.
package loadtest
