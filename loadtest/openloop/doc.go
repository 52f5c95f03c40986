// Package openloop loads a server as a fleet of phones does, and tells how it bore
// that: pings are due at times that do not depend on what the server takes to answer,
// and what it takes is counted from when a ping was due. So a server that stalls for a
// second has a second's pings that waited for it, where a client that waits for
// answers would have counted one (coordinated omission; see Gil Tene's HdrHistogram).
//
// What is sent follows from the configuration alone. So it is known how many pings
// must be accepted, repeated or late, and every answer is counted against that: nothing
// may be missing, nothing invented.
//
// A connection is a worker's. Drivers belong to a connection each, so that what a
// driver sends arrives in the order in which it was sent.
package openloop
