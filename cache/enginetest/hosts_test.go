package enginetest

import (
	"testing"
)

func TestCompareMemoryWithRedis(t *testing.T) { Compare(t, Memory(t), Redis(t)) }

// Two databases of the referee agree: a failure here is the comparison's.
func TestCompareRedisWithRedis(t *testing.T) { Compare(t, Redis(t), redisDB(t, "1")) }

// Two memory engines agree: the comparison itself, where there is no server.
func TestCompareMemoryWithMemory(t *testing.T) { Compare(t, Memory(t), Memory(t)) }
