-- Writes drivers' zones. The Go twin is in where.go.
--
-- KEYS  a hash of driver and zone
-- ARGV  set, drop or keep; then pairs of driver and zone. set writes the zone, drop
--       removes the driver if that is his zone, keep writes it if he has none.
--
-- Returns the number of drivers.

local key, op = KEYS[1], ARGV[1]
for a = 2, #ARGV, 2 do
  local driver, zone = ARGV[a], ARGV[a + 1]
  if op == 'set' then
    redis.call('HSET', key, driver, zone)
  elseif op == 'keep' then
    redis.call('HSETNX', key, driver, zone)
  elseif redis.call('HGET', key, driver) == zone then
    redis.call('HDEL', key, driver)
  end
end
return (#ARGV - 1) / 2
