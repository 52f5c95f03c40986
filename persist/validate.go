package persist

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// MaxBucketMS bounds the length of a bucket, in milliseconds: every fix of a
// row is less than this after its BucketStart. It is what lets a store find
// the rows of an interval by BucketStart alone.
const MaxBucketMS = 3_600_000

// maxTimeMS keeps arithmetic on times of buckets far from overflow.
const maxTimeMS = 1 << 53

// ErrInvalid is returned where a row breaks the contract of its type, so the
// same call will never succeed. Nothing of the call was written. The Validate
// methods tell which row it is.
var ErrInvalid = errors.New("invalid row")

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
// Stores apply it to every row they are given.
func (r TrackRow) Validate() error {
	return first(
		identifier("DriverID", r.DriverID),
		text("Zone", r.Zone),
		check(r.Fixes >= 1, "Fixes", "must be at least 1"),
		check(0 <= r.MockFixes && r.MockFixes <= r.Fixes, "MockFixes", "must be between 0 and Fixes"),
		check(-maxTimeMS <= r.BucketStart && r.BucketStart <= maxTimeMS, "BucketStart", "is not a time in milliseconds"),
		check(r.BucketStart <= r.FirstTS, "FirstTS", "lies before BucketStart"),
		check(r.FirstTS <= r.LastTS, "LastTS", "lies before FirstTS"),
		check(r.LastTS-r.BucketStart < MaxBucketMS, "LastTS", "lies an hour or more after BucketStart"),
		finite("FirstLat", r.FirstLat), finite("FirstLon", r.FirstLon),
		finite("LastLat", r.LastLat), finite("LastLon", r.LastLon),
		finite("DistanceM", r.DistanceM),
		finite("TopSpeedMPS", r.TopSpeedMPS),
		finite("MeanAccuracyM", r.MeanAccuracyM),
	)
}

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
func (m Movement) Validate() error {
	return first(
		identifier("StoreID", m.StoreID),
		check(m.Seq >= 1, "Seq", "must be at least 1"),
		text("Kind", m.Kind),
		identifier("ProductID", m.ProductID),
		text("Reference", m.Reference),
	)
}

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
func (r Reservation) Validate() error {
	return first(
		identifier("StoreID", r.StoreID),
		identifier("ID", r.ID),
		check(r.Seq >= 1, "Seq", "must be at least 1"),
		text("OrderID", r.OrderID),
		text("State", r.State),
		lines(r.Lines),
		check(r.ClosedTS >= 0, "ClosedTS", "must not be negative"),
	)
}

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
func (o Order) Validate() error {
	return first(
		identifier("ID", o.ID),
		text("Status", o.Status),
		check(o.Version >= 0, "Version", "must not be negative"),
		text("StoreID", o.StoreID),
		text("CustomerID", o.CustomerID),
		text("DriverID", o.DriverID),
		text("ReservationID", o.ReservationID),
		finite("DropLat", o.DropLat), finite("DropLon", o.DropLon),
		lines(o.Lines),
	)
}

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
func (e OrderEvent) Validate() error {
	return first(
		identifier("OrderID", e.OrderID),
		check(e.Seq >= 1, "Seq", "must be at least 1"),
		text("Status", e.Status),
		text("DriverID", e.DriverID),
		text("Note", e.Note),
	)
}

// ValidateOrder checks an order together with the events that are to be
// written with it, which must all be its own.
func ValidateOrder(o Order, events []OrderEvent) error {
	if err := o.Validate(); err != nil {
		return err
	}
	for i, e := range events {
		err := first(e.Validate(), check(e.OrderID == o.ID, "OrderID", "is not that of the order"))
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return nil
}

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
func (p Product) Validate() error {
	err := first(identifier("ID", p.ID), text("Name", p.Name))
	for _, c := range p.Categories {
		err = first(err, text("Categories", c))
	}
	return err
}

// Validate returns nil, or an error that wraps ErrInvalid and names the field.
func (s DarkStore) Validate() error {
	return first(
		identifier("ID", s.ID),
		text("Name", s.Name),
		finite("Lat", s.Lat), finite("Lon", s.Lon),
	)
}

// ValidateAll checks every row of a call and names the first that is refused
// by its place in rows.
func ValidateAll[T interface{ Validate() error }](rows []T) error {
	for i, r := range rows {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func check(ok bool, field, problem string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s %s", ErrInvalid, field, problem)
}

// text wants UTF-8, which one of the databases insists on.
func text(field, s string) error {
	return check(utf8.ValidString(s), field, "is not valid UTF-8")
}

func lines(all []Line) error {
	for _, l := range all {
		if err := text("Lines.ProductID", l.ProductID); err != nil {
			return err
		}
	}
	return nil
}

func identifier(field, s string) error {
	return first(check(s != "", field, "is empty"), text(field, s))
}

// finite wants a number: one of the databases stores NaN as nothing.
func finite(field string, v float64) error {
	return check(!math.IsNaN(v) && !math.IsInf(v, 0), field, "is not a finite number")
}
