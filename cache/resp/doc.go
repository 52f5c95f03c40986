// Package resp shows an engine to Redis's clients: a server that speaks RESP2
// and, after HELLO 3, RESP3 over [cache.Engine], so that redis-cli and any
// Redis library see the live data. Protocol: "RESP protocol spec" and
// "RESP3 specification" by Redis; replies and error texts are those of
// Redis 7.0, which the tests ask.
//
// # Contract
//
// newTable is the whole list of commands; what is not there is answered as
// Redis answers a command it does not know. docs/resp.md lists the commands and
// what differs. Writes are as durable as the engine it was given makes them.
//
// Commands of one client are carried out one after the other and answered in
// that order; what has arrived together is answered together. A command is
// atomic, several are not: there are no transactions.
//
// # Bounds
//
// [Limits] has them all. A reader holds what has arrived and never what a
// client merely announces. Replies gather up to 32 KiB and are then sent, the
// client being waited for, and cut off after Limits.Write. From its first
// subscription on, a client has a queue instead, of at most Limits.Output bytes:
// whoever fills it is cut off, so that no publisher waits. What is not bounded
// here is one reply as the engine makes it: a large key asked for as a whole is
// in memory a second time until it was sent.
//
// # Concurrency
//
// Each client has a goroutine that reads, executes and writes. A second one
// watches the connection while a command blocks; a subscriber has two more (see
// subscriber). Nobody holds a lock while a client is waited for. The locks, each
// to be taken before those after it:
//
//	subscriber.mu → the engine's own
//	subscriber.mu → client.mu
//	Server.mu
package resp
