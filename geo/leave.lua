-- Takes drivers out of a zone for another. The Go twin is in move.go.
--
-- KEYS  zone, seen, last, gone of the zone to leave
-- ARGV  triples of driver, the compact fix that took it away, zone it went to
--
-- Returns one string per driver: empty, or the zone's own entry of last if it
-- is newer than that fix, in which case the driver stays.

local replies = {}
for a = 1, #ARGV, 3 do
  local driver, newest = ARGV[a], ARGV[a + 1]
  local old = redis.call('HGET', KEYS[3], driver)
  local ts = struct.unpack('>I8', newest)
  local reply = ''
  if old then
    if struct.unpack('>I8', old) > ts then
      reply = old
    else
      redis.call('ZREM', KEYS[1], driver)
      redis.call('ZREM', KEYS[2], driver)
      redis.call('HSET', KEYS[3], driver, newest .. ARGV[a + 2])
      redis.call('ZADD', KEYS[4], ts + 600000, driver)
    end
  end
  replies[#replies + 1] = reply
end
return replies
