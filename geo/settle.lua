-- Says of drivers who came to a zone that drivers:where knows of it, and that they
-- have left where they were. The Go twin is in move.go.
--
-- KEYS  last of the zone
-- ARGV  drivers
--
-- Returns the number of drivers.

for i = 1, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[i])
  if entry and (#entry == 23 or #entry == 24 and string.byte(entry, 24) == 0) then
    redis.call('HSET', KEYS[1], ARGV[i], string.sub(entry, 1, 23))
  end
end
return #ARGV
