package orders

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"hyperlocal/cache"
	"hyperlocal/persist"
)

// errContended: others changed the order at every attempt.
var errContended = errors.New("order keeps changing")

// write puts an order with its new event where the engine has version before
// of it, 0 being none, and reports whether it had. The order's mark in the
// outbox comes first and is as durable as the step: a host keeps its writes in
// order.
func (o *Orders) write(ctx context.Context, before int64, order persist.Order, event persist.OrderEvent) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if _, err := o.engine.ZAdd(ctx, keyChanged, cache.Member{Name: order.ID, Score: float64(o.nowMS())}); err != nil {
		return false, fmt.Errorf("note order %s as changed: %w", order.ID, err)
	}
	if order.DriverID != "" {
		if _, err := o.engine.ZAdd(ctx, keyCarried, cache.Member{Name: order.ID, Score: float64(o.nowMS())}); err != nil {
			return false, fmt.Errorf("note order %s as carried: %w", order.ID, err)
		}
	}
	message, err := json.Marshal(publication{
		OrderID: order.ID, Seq: event.Seq, TS: event.TS,
		Status: event.Status, DriverID: event.DriverID, Note: event.Note,
	})
	if err != nil {
		return false, fmt.Errorf("publish order %s: %w", order.ID, err)
	}
	return o.put(ctx, before, order, string(message), event)
}

// writeOver is write over the order as it was read. An order that the engine
// no longer has, but the database has, is put back first.
func (o *Orders) writeOver(ctx context.Context, was persist.Order, history []persist.OrderEvent, order persist.Order, event persist.OrderEvent) (bool, error) {
	won, err := o.write(ctx, was.Version, order, event)
	if won || err != nil {
		return won, err
	}
	there, err := o.engine.Exists(ctx, keyOrder(was.ID))
	if err != nil || there > 0 {
		return false, err
	}
	if _, err := o.put(ctx, 0, was, "", history...); err != nil {
		return false, err
	}
	return o.write(ctx, was.Version, order, event)
}

// put runs the script.
func (o *Orders) put(ctx context.Context, before int64, order persist.Order, message string, events ...persist.OrderEvent) (bool, error) {
	call, err := putCall(before, order, message, events)
	if err != nil {
		return false, err
	}
	reply, err := o.durable.Run(ctx, call.Script, call.Keys, call.Args)
	if err != nil {
		return false, fmt.Errorf("write order %s: %w", order.ID, err)
	}
	return reply.Int == 1, nil
}

// publication is the payload on Channel.
type publication struct {
	OrderID  string `json:"order_id"`
	Seq      int64  `json:"seq"`
	TS       int64  `json:"ts"`
	Status   string `json:"status"`
	DriverID string `json:"driver_id,omitempty"`
	Note     string `json:"note,omitempty"`
}

// putScript answers 1 if it wrote, 0 if the version was not the expected one.
// Which steps there are is decided before, on what was read: the version makes
// sure that it has not changed since.
var putScript = &cache.Script{Name: "orders_put", Lua: putLua, Go: putTwin}

//go:embed put.lua
var putLua string

// The fields of an order's hash and of an event. What never changes is one
// field; what changes can be read with redis-cli.
const (
	fieldVersion = "version"
	fieldStatus  = "status"
	fieldDriver  = "driver"
	fieldUpdated = "updated"
	fieldDetails = "details" // JSON

	fieldTS   = "ts"
	fieldNote = "note"
)

// eventArgs is the number of arguments of an event.
const eventArgs = 5

// details are what never changes about an order.
type details struct {
	StoreID       string         `json:"store_id"`
	CustomerID    string         `json:"customer_id,omitempty"`
	ReservationID string         `json:"reservation_id,omitempty"`
	DropLat       float64        `json:"drop_lat"`
	DropLon       float64        `json:"drop_lon"`
	Lines         []persist.Line `json:"lines"`
	CreatedTS     int64          `json:"created_ts"`
}

func putCall(before int64, order persist.Order, message string, events []persist.OrderEvent) (cache.Call, error) {
	fixed, err := json.Marshal(details{
		StoreID: order.StoreID, CustomerID: order.CustomerID, ReservationID: order.ReservationID,
		DropLat: order.DropLat, DropLon: order.DropLon, Lines: order.Lines, CreatedTS: order.CreatedTS,
	})
	if err != nil {
		return cache.Call{}, fmt.Errorf("write order %s: %w", order.ID, err)
	}
	values := []string{
		fieldVersion, decimal(order.Version),
		fieldStatus, order.Status,
		fieldDriver, order.DriverID,
		fieldUpdated, decimal(order.UpdatedTS),
		fieldDetails, string(fixed),
	}
	args := append([]string{decimal(before), Channel(order.ID), message, strconv.Itoa(len(values) / 2)}, values...)
	for _, e := range events {
		args = append(args, decimal(e.Seq), decimal(e.TS), e.Status, e.DriverID, e.Note)
	}
	return cache.Call{Script: putScript, Keys: []string{keyOrder(order.ID), keyEvents(order.ID)}, Args: args}, nil
}

func putTwin(tx cache.Tx, keys, args []string) cache.Value {
	version := tx.HGet(keys[0], fieldVersion)
	if !version.OK {
		version.Str = "0"
	}
	if version.Str != args[0] {
		return cache.Int(0)
	}
	n, _ := strconv.Atoi(args[3]) // putCall wrote it
	values, events := args[4:4+2*n], args[4+2*n:]
	for ; len(events) > 0; events = events[eventArgs:] {
		tx.XAdd(keys[1], events[0]+"-0", 0,
			cache.Field{Name: fieldTS, Value: events[1]},
			cache.Field{Name: fieldStatus, Value: events[2]},
			cache.Field{Name: fieldDriver, Value: events[3]},
			cache.Field{Name: fieldNote, Value: events[4]})
	}
	for ; len(values) > 0; values = values[2:] {
		tx.HSet(keys[0], values[0], values[1])
	}
	if args[2] != "" {
		tx.Publish(args[1], args[2])
	}
	return cache.Int(1)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
