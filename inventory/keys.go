package inventory

// The engine's keys. The store's id is the hash tag of all of a store's keys,
// so they share a slot and a script may use them together.
const (
	keyPlaces  = "stores:geo"     // geo set of the open stores
	keyDetails = "stores:details" // hash: store → its row as JSON
)

func keyStock(store string) string     { return "store:{" + store + "}" }        // hash: product → units available
func keyReserved(store string) string  { return keyStock(store) + ":reserved" }  // hash: product → units reserved
func keyMeta(store string) string      { return keyStock(store) + ":meta" }      // hash: seq, the number of the last movement
func keyMovements(store string) string { return keyStock(store) + ":movements" } // stream: what the ledger does not have yet
func keyExpiring(store string) string  { return keyStock(store) + ":expiring" }  // sorted set: open reservation → expiry, ms
func keyReservation(store, id string) string {
	return keyStock(store) + ":reservation:" + id // hash
}
func keyIdempotency(store, key string) string {
	return keyStock(store) + ":idem:" + key // string: fingerprint and answer of a request
}

// KeyPrefixes are how the keys of this package begin. They are the truth about
// stock and reservations: nothing else has it.
func KeyPrefixes() []string { return []string{"store:{", "stores:", "inventory:"} }

// ChannelStock is the channel on which a store's changes of available stock are
// published, as JSON:
//
//	{"store_id":"S1","seq":17,"ts":1700000000000,"stock":{"product:101":3}}
//
// seq is the number of the change's last movement; stock holds the units
// available of the products that changed.
func ChannelStock(store string) string { return "stock_updates:{" + store + "}" }

// stockKeys are the keys that every script on a store's stock begins with.
func stockKeys(store string, more ...string) []string {
	return append([]string{keyStock(store), keyReserved(store), keyMeta(store), keyMovements(store)}, more...)
}
