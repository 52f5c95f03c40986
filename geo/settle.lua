-- Says of drivers who came to a zone that drivers:where knows of it, and that they
-- have left where they were. The Go twin is in move.go.
--
-- KEYS  last and zone of the zone
-- ARGV  drivers
--
-- Returns the number of drivers.

for i = 1, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[i])
  if entry and (#entry == 23 or #entry == 24 and string.byte(entry, 24) <= 1) then
    -- Who came with an old fix may have been swept since.
    local asleep = redis.call('ZSCORE', KEYS[2], ARGV[i]) and '' or '\1'
    redis.call('HSET', KEYS[1], ARGV[i], string.sub(entry, 1, 23) .. asleep)
  end
end
return #ARGV
