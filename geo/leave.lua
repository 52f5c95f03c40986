-- Takes drivers out of a zone for another. The Go twin is in move.go.
--
-- KEYS  zone, seen, last, gone of the zone to leave
-- ARGV  1 if drivers with a fix of the same time here leave, else 0; then
--       triples of driver, the compact fix that took it away, zone it went to
--
-- Returns one string per driver: the zone's own entry of last as it was, or
-- empty. If it is newer than that fix, the driver stays.

local replies = {}
for a = 2, #ARGV, 3 do
  local driver, newest = ARGV[a], ARGV[a + 1]
  local old = redis.call('HGET', KEYS[3], driver)
  local ts = struct.unpack('>I8', newest)
  local was = old and struct.unpack('>I8', old)
  if old and (was < ts or was == ts and ARGV[1] == '1') then
    redis.call('ZREM', KEYS[1], driver)
    redis.call('ZREM', KEYS[2], driver)
    redis.call('HSET', KEYS[3], driver, newest .. ARGV[a + 2])
    redis.call('ZADD', KEYS[4], ts + 600000, driver)
  end
  replies[#replies + 1] = old or ''
end
return replies
