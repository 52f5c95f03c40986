package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"hyperlocal/loadtest"
	"hyperlocal/problem"
)

// The parts of the API's documents that the demo reads and writes; openapi.yaml
// describes them.

type place struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

type line struct {
	ProductID string `json:"product_id"`
	Units     int    `json:"units"`
}

type storeDoc struct {
	StoreID string `json:"store_id"`
	place
}

type orderDoc struct {
	OrderID       string `json:"order_id"`
	Status        string `json:"status"`
	StoreID       string `json:"store_id"`
	DriverID      string `json:"driver_id"`
	ReservationID string `json:"reservation_id"`
	Drop          place  `json:"drop"`
	CreatedTS     int64  `json:"created_ts"`
	UpdatedTS     int64  `json:"updated_ts"`
}

// The statuses of an order, in the order they come.
const (
	placed         = "placed"
	accepted       = "accepted"
	beingPrepared  = "being_prepared"
	pickedUp       = "picked_up"
	outForDelivery = "out_for_delivery"
	delivered      = "delivered"
	cancelled      = "cancelled"
)

// api has the calls of a customer's, a store's and a dispatcher's app.
type api struct{ *loadtest.Client }

// products returns the ids of the catalogue's first products.
func (a api) products(ctx context.Context) ([]string, error) {
	var reply struct {
		Products []struct {
			ProductID string `json:"product_id"`
		} `json:"products"`
	}
	if err := a.Do(ctx, http.MethodGet, "/v1/products?limit=500", nil, &reply); err != nil {
		return nil, err
	}
	ids := make([]string, len(reply.Products))
	for i, p := range reply.Products {
		ids[i] = p.ProductID
	}
	return ids, nil
}

// availability returns the nearest open store and what it has of some products.
func (a api) availability(ctx context.Context, at place, products []string) (storeDoc, map[string]int, error) {
	query := struct {
		place
		Products []string `json:"products"`
	}{at, products}
	var reply struct {
		Store storeDoc       `json:"store"`
		Stock map[string]int `json:"stock"`
	}
	err := a.Do(ctx, http.MethodPost, "/v1/availability", query, &reply)
	return reply.Store, reply.Stock, err
}

func (a api) reserve(ctx context.Context, storeID, orderID string, lines []line, ttlS int) (reservationID string, err error) {
	request := struct {
		OrderID string `json:"order_id"`
		Lines   []line `json:"lines"`
		TTLS    int    `json:"ttl_s"`
	}{orderID, lines, ttlS}
	var reply struct {
		ReservationID string `json:"reservation_id"`
	}
	err = a.Do(ctx, http.MethodPost, "/v1/stores/"+url.PathEscape(storeID)+"/reservations", request, &reply)
	return reply.ReservationID, err
}

func (a api) commit(ctx context.Context, reservationID string) error {
	return a.Do(ctx, http.MethodPost, "/v1/reservations/"+url.PathEscape(reservationID)+"/commit", nil, nil)
}

func (a api) release(ctx context.Context, reservationID string) error {
	return a.Do(ctx, http.MethodDelete, "/v1/reservations/"+url.PathEscape(reservationID), nil, nil)
}

func (a api) place(ctx context.Context, orderID, storeID, reservationID string, drop place, lines []line) (orderDoc, error) {
	request := struct {
		OrderID       string `json:"order_id"`
		StoreID       string `json:"store_id"`
		CustomerID    string `json:"customer_id"`
		ReservationID string `json:"reservation_id"`
		Drop          place  `json:"drop"`
		Lines         []line `json:"lines"`
	}{orderID, storeID, "demo-customer", reservationID, drop, lines}
	var o orderDoc
	err := a.Do(ctx, http.MethodPost, "/v1/orders", request, &o)
	return o, err
}

func (a api) order(ctx context.Context, id string) (orderDoc, error) {
	var o orderDoc
	err := a.Do(ctx, http.MethodGet, "/v1/orders/"+url.PathEscape(id), nil, &o)
	return o, err
}

// advance gives an order its next status; driverID may be empty.
func (a api) advance(ctx context.Context, orderID, status, driverID string) error {
	request := struct {
		Status   string `json:"status"`
		DriverID string `json:"driver_id,omitempty"`
	}{status, driverID}
	return a.Do(ctx, http.MethodPost, "/v1/orders/"+url.PathEscape(orderID)+"/status", request, nil)
}

func (a api) store(ctx context.Context, id string) (storeDoc, error) {
	var s storeDoc
	err := a.Do(ctx, http.MethodGet, "/v1/stores/"+url.PathEscape(id), nil, &s)
	return s, err
}

// nearby returns the ids of the drivers within 5 km, nearest first.
func (a api) nearby(ctx context.Context, at place) ([]string, error) {
	var reply struct {
		Drivers []struct {
			DriverID string `json:"driver_id"`
		} `json:"drivers"`
	}
	path := fmt.Sprintf("/v1/drivers/nearby?lat=%.6f&lon=%.6f&radius_m=5000&limit=20", at.Lat, at.Lon)
	if err := a.Do(ctx, http.MethodGet, path, nil, &reply); err != nil {
		return nil, err
	}
	ids := make([]string, len(reply.Drivers))
	for i, d := range reply.Drivers {
		ids[i] = d.DriverID
	}
	return ids, nil
}

// refused tells whether the server has refused a call with a status: asking
// again would not help.
func refused(err error, status int) bool {
	var p *problem.Problem
	return errors.As(err, &p) && p.Status == status
}
