package cache

import "context"

// Sets are unordered collections of distinct members. An empty set does not
// exist. Answers of several members come in no particular order.
type Sets interface {
	// SAdd returns how many members are new.
	SAdd(ctx context.Context, key string, members ...string) (int64, error)
	// SRem returns how many of members there were.
	SRem(ctx context.Context, key string, members ...string) (int64, error)
	SMembers(ctx context.Context, key string) ([]string, error)
	// SMIsMember answers in the order of members.
	SMIsMember(ctx context.Context, key string, members ...string) ([]bool, error)
	SCard(ctx context.Context, key string) (int64, error)
	// SUnion, SInter and SDiff combine whole sets, a missing one being empty;
	// SDiff takes the others from the first. On a Cluster all keys share one
	// hash tag.
	SUnion(ctx context.Context, keys ...string) ([]string, error)
	SInter(ctx context.Context, keys ...string) ([]string, error)
	SDiff(ctx context.Context, keys ...string) ([]string, error)
}
