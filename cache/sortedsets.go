package cache

import "context"

// Member is an element of a sorted set. Scores are ordered numerically and
// equal ones by the bytes of the member, as in Redis.
type Member struct {
	Name  string
	Score float64
}

// ScoreRange selects members of a sorted set by score, both ends included
// unless said otherwise. Use math.Inf for open ends.
type ScoreRange struct {
	Min, Max         float64
	MinOpen, MaxOpen bool // without the end itself
	Reverse          bool // highest score first
	Offset           int  // members to skip
	Limit            int  // at most so many; zero: all
}

// ZAddOptions restrict which members a ZAddIf or ZIncrBy writes. NX excludes
// the others, GT and LT each other: ErrSyntax.
type ZAddOptions struct {
	NX bool // only new members
	XX bool // only members that are there
	GT bool // new ones, and those whose score rises
	LT bool // new ones, and those whose score falls
	CH bool // count the changed ones too
}

// SortedSets are sets ordered by score. An empty one does not exist. A score is
// never NaN: ErrScoreNaN.
type SortedSets interface {
	// ZAdd returns how many members are new.
	ZAdd(ctx context.Context, key string, members ...Member) (int64, error)
	// ZAddIf is ZAdd under conditions.
	ZAddIf(ctx context.Context, key string, opt ZAddOptions, members ...Member) (int64, error)
	// ZIncrBy adds to a member's score, 0 if it is new, and returns the sum; ok
	// is false if a condition kept it from writing.
	ZIncrBy(ctx context.Context, key, name string, delta float64, opt ZAddOptions) (score float64, ok bool, err error)
	ZRem(ctx context.Context, key string, names ...string) (int64, error)
	// ZRemRangeByScore and ZRemRangeByRank return how many members they
	// removed. Offset, Limit and Reverse of a range do not apply.
	ZRemRangeByScore(ctx context.Context, key string, r ScoreRange) (int64, error)
	ZRemRangeByRank(ctx context.Context, key string, start, stop int64) (int64, error)
	ZScore(ctx context.Context, key, name string) (score float64, ok bool, err error)
	// ZRank returns how many members come before this one, from the lowest
	// score or with reverse from the highest.
	ZRank(ctx context.Context, key, name string, reverse bool) (rank int64, ok bool, err error)
	ZCard(ctx context.Context, key string) (int64, error)
	ZCount(ctx context.Context, key string, r ScoreRange) (int64, error)
	// ZRange returns the members from rank start to rank stop, both included;
	// negative ranks count from the end, -1 being the last.
	ZRange(ctx context.Context, key string, start, stop int64, reverse bool) ([]Member, error)
	ZRangeByScore(ctx context.Context, key string, r ScoreRange) ([]Member, error)
}
