// Package fence notices who enters and leaves areas: circles and polygons that
// callers put there, a circle around each open store, and the two places that an
// order's driver is on the way to.
//
// # What a fix says
//
// A fix is a place and the radius within which the driver is. It says that the
// driver is within a fence if the whole of that circle is, and without if none
// of it is; in between it says nothing. Entering and leaving take
// [Options].ConfirmFixes fixes in a row that say the same, or two of them that are
// ConfirmAfter apart. So someone who stands at the edge, whatever the phone makes of it, has
// at most one event, as long as the errors are within the accuracies. A fix that
// is less accurate than the fence is deep cannot prove that much: then it counts
// from the depth on, what is left of doubt is remembered, and whoever entered
// with doubt has to be as much further away to leave. See state.go.
//
// # Where a fence's state is
//
// Drivers within a fence, or about to be, have a state in the engine, under the
// fence's key; all others have none. One script takes a fence's fixes, moves the
// states and appends the events to the fence's stream, in one atomic step. So a
// driver's fixes may go to any server, and a crash loses or keeps a state
// together with its event. A fix not newer than the state is passed over.
//
// A server remembers whom it has seen within a fence, and asks the engine about
// their next fixes, wherever they are. Whoever has left by fixes that another
// server got, or has jumped, is found by [Fences.Sweep]: it compares the states
// with where drivers are.
//
// # Orders
//
// An order's own fences matter to one driver and until they are entered, so they
// have no state in the engine: each server counts the fixes that it gets, and
// the order itself, which has each milestone once, is what they agree by. A
// milestone that could not be written is counted anew, from the next fixes.
//
// # Concurrency
//
// Exported methods may be called from any goroutine. Locks are taken in the
// order Fences.refreshing, Fences.mu; Fences.counting is taken alone. The engine
// and the sources are asked without any lock held but Fences.refreshing.
package fence
