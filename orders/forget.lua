-- Take an order out of the outbox unless it was put there anew. See drain.go.
-- KEYS: outbox. ARGV: order, the score it was found with.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
