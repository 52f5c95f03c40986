package ingest

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"hyperlocal/internal/gcra"
	"hyperlocal/problem"
)

// quota is a limit of one kind of sender.
type quota struct {
	table   *gcra.Table
	burst   int
	refusal *problem.Problem
}

// newQuota returns nil, which is no limit, for a rate of 0.
func newQuota(rate float64, burst, bits int, refusal *problem.Problem) *quota {
	if rate <= 0 {
		return nil
	}
	burst = max(burst, 1)
	return &quota{gcra.New(rate, burst, bits), burst, refusal}
}

// sender is whom pings count for besides their drivers: a token, or the address of
// those who show none. Without a quota it has no limit.
type sender struct {
	quota *quota
	key   string
}

// sender returns who sends a request.
func (l *limits) sender(r *http.Request) sender {
	if l.tokens == nil && l.addresses == nil {
		return sender{}
	}
	if token := tokenOf(r); token != "" {
		return sender{l.tokens, token}
	}
	if l.addresses == nil {
		return sender{}
	}
	return sender{l.addresses, network(l.addressOf(r))}
}

// tokenOf returns what a request identifies its sender by: a bearer token, or an API
// key.
func tokenOf(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// network is what one subscriber has of addresses: the address, or of IPv6 the /64.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	const subscriber = 64
	return netip.PrefixFrom(a.WithZone(""), subscriber).Masked().String()
}

// take takes a request's pings from what its sender may send.
func (s sender) take(pings int, now time.Time) error {
	switch {
	case s.quota == nil:
		return nil
	case pings > s.quota.burst: // it would be refused for ever
		return problem.TooLarge.WithField("body", fmt.Sprintf("must hold at most %d pings, which is what its sender may send at once", s.quota.burst))
	}
	if wait := s.quota.table.Take(s.key, pings, now); wait > 0 {
		return s.quota.refusal.RetryAfter(wait)
	}
	return nil
}
