package inventory

import (
	_ "embed"
	"strconv"
	"strings"

	"hyperlocal/cache"
)

// recordLua is the beginning of the Lua source of every script on stock, as
// stockTx is of its twin.
//
//go:embed record.lua
var recordLua string

// stockTx is a script's view of one store's stock.
type stockTx struct {
	cache.Tx
	available, reserved, meta, movements string // keys
	store, now                           string // arguments
}

// openStock reads the keys made by stockKeys and the first two arguments.
func openStock(tx cache.Tx, keys, args []string) stockTx {
	return stockTx{
		Tx: tx, available: keys[0], reserved: keys[1], meta: keys[2], movements: keys[3],
		store: args[0], now: args[1],
	}
}

// change is one product's part of a change of stock, in units.
type change struct {
	product             string
	available, reserved int64
}

func (tx stockTx) unitsAvailable(product string) int64 {
	return whole(tx.HGet(tx.available, product).Str)
}

// waiting is the number of movements that the ledger does not have yet.
func (tx stockTx) waiting() int64 {
	oldest := tx.XRange(tx.movements, "-", "+", 1)
	if len(oldest) == 0 {
		return 0
	}
	return whole(tx.HGet(tx.meta, metaSeq).Str) - sequence(oldest[0].ID) + 1
}

// record carries out changes and appends one movement for each, the last one with
// the fields of about. The stream comes first: it is all that could refuse.
func (tx stockTx) record(kind, reference string, changes []change, about ...cache.Field) {
	last := tx.HIncrBy(tx.meta, metaSeq, int64(len(changes)))
	for i, c := range changes {
		entry := []cache.Field{
			{Name: fieldTS, Value: tx.now},
			{Name: fieldKind, Value: kind},
			{Name: fieldProduct, Value: c.product},
			{Name: fieldAvailable, Value: decimal(c.available)},
			{Name: fieldReserved, Value: decimal(c.reserved)},
			{Name: fieldRef, Value: reference},
		}
		if i == len(changes)-1 {
			entry = append(entry, about...)
		}
		tx.XAdd(tx.movements, entryID(last-int64(len(changes)-i-1)), 0, entry...)
	}
	var stock []string
	for _, c := range changes {
		if c.reserved != 0 && tx.HIncrBy(tx.reserved, c.product, c.reserved) == 0 {
			tx.HDel(tx.reserved, c.product)
		}
		if c.available != 0 {
			units := tx.HIncrBy(tx.available, c.product, c.available)
			stock = append(stock, `"`+c.product+`":`+decimal(units))
		}
	}
	if len(stock) > 0 { // ids are of characters that JSON takes as they are
		tx.Publish(ChannelStock(tx.store), `{"store_id":"`+tx.store+`","seq":`+decimal(last)+`,"ts":`+tx.now+
			`,"stock":{`+strings.Join(stock, ",")+`}}`)
	}
}

// The fields of a movement in its stream, and of a store's meta hash.
const (
	fieldTS        = "ts"
	fieldKind      = "kind"
	fieldProduct   = "product"
	fieldAvailable = "available"
	fieldReserved  = "reserved"
	fieldRef       = "ref"

	metaSeq = "seq"
)

// entryID is the stream id of the movement with a sequence number.
func entryID(seq int64) string { return decimal(seq) + "-0" }

// sequence is the number of the movement with a stream id.
func sequence(entryID string) int64 {
	ms, _, _ := strings.Cut(entryID, "-")
	return whole(ms)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// whole reads a number that a script wrote; what is missing is 0.
func whole(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // only scripts write there, and only numbers
	return n
}
