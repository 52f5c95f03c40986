package redis

import (
	"context"

	"hyperlocal/cache"
)

func (e *Engine) ZAddIf(context.Context, string, cache.ZAddOptions, ...cache.Member) (int64, error) {
	panic("pending")
}
func (e *Engine) ZIncrBy(context.Context, string, string, float64, cache.ZAddOptions) (float64, bool, error) {
	panic("pending")
}
func (e *Engine) ZRemRangeByScore(context.Context, string, cache.ScoreRange) (int64, error) {
	panic("pending")
}
func (e *Engine) ZRemRangeByRank(context.Context, string, int64, int64) (int64, error) {
	panic("pending")
}
func (e *Engine) ZRank(context.Context, string, string, bool) (int64, bool, error) { panic("pending") }
func (e *Engine) ZCount(context.Context, string, cache.ScoreRange) (int64, error)  { panic("pending") }
func (e *Engine) ZRange(context.Context, string, int64, int64, bool) ([]cache.Member, error) {
	panic("pending")
}
func (e *Engine) GeoPos(context.Context, string, ...string) ([]cache.Place, error) { panic("pending") }
func (e *Engine) GeoDist(context.Context, string, string, string) (float64, bool, error) {
	panic("pending")
}
func (e *Engine) GeoHash(context.Context, string, ...string) ([]cache.Optional, error) {
	panic("pending")
}
