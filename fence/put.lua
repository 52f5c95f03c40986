-- Put a fence or remove it, and number the change. See registry.go.
-- KEYS: fences, changes.
-- ARGV: fence, JSON ("": remove it), most fences, changes to keep.
-- Returns 1 if it is so now, 0 if there was none to remove, -1 if there are too
-- many.
local before = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[2] == '' then
  if not before then return 0 end
  redis.call('HDEL', KEYS[1], ARGV[1])
elseif before == ARGV[2] then
  return 1
else
  if not before and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local seq = 1
if newest then seq = tonumber(string.match(newest[1], '^%d+')) + 1 end
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], string.format('%d-0', seq), 'fence', ARGV[1])
return 1
