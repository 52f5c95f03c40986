-- Takes stale drivers out of a zone's present, and forgets the newest fix of
-- those gone for so long that nothing older can be accepted any more. The Go
-- twin is in sweep.go.
--
-- KEYS  zone, seen, last, gone
-- ARGV  time of the newest fix that is stale, ms; now, ms; how long last is
--       kept after the fix, ms; greatest number of each to handle
--
-- Returns the number made stale, the greater number of those looked at who were stale
-- by seen and of the forgotten, and then the names of the forgotten who had not left
-- for another zone.

local keep = tonumber(ARGV[3])
local function present(last)
  return last and (#last == 23 or #last == 24 and string.byte(last, 24) <= 1)
end

local stale = 0
local behind = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[1] + 1, 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #behind, 2 do
  local newest = math.floor(tonumber(behind[i + 1])) -- drivers are set apart within their ms
  local last = redis.call('HGET', KEYS[3], behind[i])
  if present(last) then newest = struct.unpack('>I8', last) end
  if newest > tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[2], string.format('%d', newest), behind[i])
  else
    redis.call('ZREM', KEYS[1], behind[i])
    redis.call('ZREM', KEYS[2], behind[i])
    redis.call('ZADD', KEYS[4], newest + keep, behind[i])
    if last and #last == 23 then redis.call('HSET', KEYS[3], behind[i], last .. '\1') end
    stale = stale + 1
  end
end
local old = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
local reply = {stale, math.max(#behind / 2, #old)}
for i = 1, #old do
  local last = redis.call('HGET', KEYS[3], old[i])
  if present(last) then reply[#reply + 1] = old[i] end
  redis.call('HDEL', KEYS[3], old[i])
  redis.call('ZREM', KEYS[4], old[i])
end
return reply
