package memory

import (
	"fmt"
	"slices"
	"strings"
)

// Policy says which keys go when the data set is at its limit. The names and
// what they mean are Redis's.
type Policy uint8

const (
	// NoEviction refuses writes that grow.
	NoEviction Policy = iota
	// AllKeysLRU takes the key that has not been used for longest.
	AllKeysLRU
	// AllKeysLFU takes the key that is used least often.
	AllKeysLFU
	// VolatileLRU is AllKeysLRU among the keys with a time to live.
	VolatileLRU
	// VolatileTTL takes the key that expires soonest.
	VolatileTTL
)

var policyNames = []string{"noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl"}

func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// ParsePolicy reads what String returns.
func ParsePolicy(s string) (Policy, error) {
	if i := slices.Index(policyNames, s); i >= 0 {
		return Policy(i), nil
	}
	return 0, fmt.Errorf("eviction policy %q: want one of %s", s, strings.Join(policyNames, ", "))
}

// takes says whether the policy may evict an item with or without a time to
// live.
func (p Policy) takes(volatile bool) bool {
	switch p {
	case AllKeysLRU, AllKeysLFU:
		return true
	case VolatileLRU, VolatileTTL:
		return volatile
	case NoEviction:
	}
	return false
}
