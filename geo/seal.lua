-- Seals open buckets: from here on their content never changes, and fixes that
-- come later make another part. The Go twin is in seal.go.
--
-- KEYS  part, newest, buckets, sealeds, then pairs of open bucket and sealed bucket
-- ARGV  the new part, the zone's part as the caller knows it, 0 for none, the newest
--       start that was ever sealed, these included; then pairs of a bucket's start and
--       its member of sealeds
--
-- Returns -1, or the zone's part if it is another or the new one is not greater;
-- then nothing was done.

local part = tonumber(redis.call('GET', KEYS[1]) or '0')
if part ~= tonumber(ARGV[2]) or part >= tonumber(ARGV[1]) then return part end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[3])
for i = 4, #ARGV, 2 do
  local open, sealed = KEYS[i + 1], KEYS[i + 2]
  redis.call('ZREM', KEYS[3], ARGV[i])
  if redis.call('EXISTS', open) == 1 then
    redis.call('RENAME', open, sealed)
    redis.call('ZADD', KEYS[4], ARGV[i], ARGV[i + 1])
  end
end
return -1
