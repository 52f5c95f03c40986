package enginetest

import "testing"

func TestCompareMemoryWithRedis(t *testing.T) { Compare(t, Memory(t), Redis(t)) }

// Two databases of the referee agree: a failure here is the comparison's.
func TestCompareRedisWithRedis(t *testing.T) { Compare(t, Redis(t), redisDB(t, "1")) }
