-- Write an order and its new events if its version is still the expected one.
-- See write.go.
-- KEYS: order, events.
-- ARGV: expected version (0: no such order), channel, what to publish ("":
-- nothing), number of the order's values; name and value of each; seq, ts,
-- status, driver and note of each event.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
local at = 5 + 2 * tonumber(ARGV[4])
for i = at, #ARGV, 5 do
  redis.call('XADD', KEYS[2], ARGV[i] .. '-0',
    'ts', ARGV[i + 1], 'status', ARGV[i + 2], 'driver', ARGV[i + 3], 'note', ARGV[i + 4])
end
for i = 5, at - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if ARGV[3] ~= '' then redis.call('SPUBLISH', ARGV[2], ARGV[3]) end
return 1
