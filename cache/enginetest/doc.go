// Package enginetest holds what the tests of an engine and of its users share:
// the conformance suite that every host of [cache.Engine] passes, and the
// comparisons that require two hosts to do the same.
//
// Three entry points, from the contract outwards:
//
//   - [Run] checks one host against the contract, case by case.
//   - [Compare] sends the same random commands to two hosts and requires the
//     same replies and the same keys afterwards.
//   - [CompareTwins] and [CompareCalls] do the same with scripts: Lua on one
//     host, its Go twin on the other. A package that owns a [cache.Script]
//     tests it with these.
//
// # Isolation
//
// Tests of many packages share one server at the same time. Every test
// therefore works under a hash tag of its own, made by [Tag], and removes the
// keys that carry it when it ends. Nothing here ever empties a database.
package enginetest
