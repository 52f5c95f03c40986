// Package ingest takes pings off the wire: POST /v1/locations, with one ping,
// an array of them, or one to a line, or with a protobuf batch (pingpb has the
// messages, and what a client needs to write them).
//
// A request is split into its elements first, and each is decoded by itself. So
// one that is broken, be it text where a number belongs or not JSON at all, is
// refused by its index and costs the others nothing; only a body whose elements
// cannot be told apart is refused as a whole. Verdicts are the fleet's. Members
// that are no ping's are skipped without a look at what they hold.
//
// GET /v1/stream takes the same over a WebSocket: see [Streams].
//
// A [Handler] may serve any number of requests at once. What a request needs of
// memory is bounded by Options.MaxBytes and Options.MaxPings, and reused.
package ingest
