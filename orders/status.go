package orders

import "slices"

// Status is where an order stands.
type Status string

// The states of an order.
const (
	Placed         Status = "placed"
	Accepted       Status = "accepted"
	BeingPrepared  Status = "being_prepared"
	PickedUp       Status = "picked_up"
	OutForDelivery Status = "out_for_delivery"
	Delivered      Status = "delivered"
	Cancelled      Status = "cancelled"
)

// way is the order in which the states follow each other.
var way = []Status{Placed, Accepted, BeingPrepared, PickedUp, OutForDelivery, Delivered}

// Final tells whether no step leads on from s.
func (s Status) Final() bool { return s == Delivered || s == Cancelled }

// Next returns the states that an order in s can come to.
func (s Status) Next() []Status {
	i := slices.Index(way, s)
	if i < 0 || s.Final() {
		return nil
	}
	return []Status{way[i+1], Cancelled}
}

// known tells whether s is a state at all.
func (s Status) known() bool { return s == Cancelled || slices.Contains(way, s) }

// driverFixed tells whether the driver has the goods in s, so that it must be
// known who that is and can no longer be somebody else.
func (s Status) driverFixed() bool { return slices.Index(way, s) >= slices.Index(way, PickedUp) }
