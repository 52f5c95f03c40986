// Package realtime tells followers what changes: the statuses of an order, the
// positions of drivers, the stock of a store. Followers come over a WebSocket
// ([Hub.Live]) or server-sent events ([Hub.OrderEvents]); the messages are in
// docs/live-protocol.md.
//
// # Two kinds of news
//
// Statuses are numbered per order, from 1, and none is dropped. A publication
// is only a hint: the hub knows the last number it passed on, and a gap or a
// [cache.Message] that says Lost makes it read the order's events again. A
// follower that falls too far behind is closed, never skipped over.
//
// Positions and stock are states, and the newest wins. The hub asks once a tick
// who moved, for watched zones and drivers only. A topic keeps its newest state
// with a version for each part; a follower has at most a mark that there is
// something new, and its frame is made of what changed since the version it
// got last, at the moment when it can be sent. So a slow follower gets fewer
// frames, never old ones, and followers that keep up share one encoding.
//
// # Invariants
//
//  1. A follower of an order gets events n+1, n+2, … in order and once each,
//     n being what it said it saw last, or it gets history_gone with the
//     present state and goes on from there, or its connection is closed.
//  2. A topic's channel is subscribed before the state is read, so nothing
//     falls between the two.
//  3. A topic lives while it has followers, and its channel with it.
//  4. Queues are bounded: frames that must arrive by Options.QueueBytes,
//     states by one mark per topic and follower.
//
// # Concurrency
//
// Exported methods may be called from any goroutine. A WebSocket has two
// goroutines (a reader, which also serves its subscriptions, and a writer), an
// event stream has that of its request. The hub itself has four: publications,
// ticks, repairs and Run. Engine and sources are asked without any lock held but
// topic.channelMu. Locks are taken in the order topic.channelMu, Hub.mu; and
// topic.mu, then outbox.mu or tornQueue.mu. Hub.mu and topic.mu are never held
// together.
package realtime
