-- Takes stale drivers out of a zone's present, and forgets the newest fix of
-- those gone for so long that nothing older can be accepted any more. The Go
-- twin is in sweep.go.
--
-- KEYS  zone, seen, last, gone
-- ARGV  time of the newest fix that is stale, ms; now, ms; how long last is
--       kept after the fix, ms; greatest number of each to handle
--
-- Returns the number made stale, the number forgotten, and then the names of
-- the forgotten who had not left for another zone.

local keep = tonumber(ARGV[3])
local stale = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #stale, 2 do
  redis.call('ZREM', KEYS[1], stale[i])
  redis.call('ZREM', KEYS[2], stale[i])
  redis.call('ZADD', KEYS[4], tonumber(stale[i + 1]) + keep, stale[i])
end
local old = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
local reply = {#stale / 2, #old}
for i = 1, #old do
  local last = redis.call('HGET', KEYS[3], old[i])
  if last and (#last == 23 or #last == 24 and string.byte(last, 24) == 0) then reply[#reply + 1] = old[i] end
  redis.call('HDEL', KEYS[3], old[i])
  redis.call('ZREM', KEYS[4], old[i])
end
return reply
