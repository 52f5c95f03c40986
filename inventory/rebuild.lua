-- Put back a store's stock that the engine has lost. See rebuild.go.
-- KEYS[5]: expiring; KEYS[6..]: open reservations.
-- ARGV: store, now, number of the last movement, expiry of the reservations in
-- ms, number of products; product, available, reserved of each; id, order and lines
-- of each reservation.
if redis.call('HEXISTS', META, 'seq') == 1 then return {'same'} end
redis.call('HSET', META, 'seq', ARGV[3])
local at = 6
for _ = 1, tonumber(ARGV[5]) do
  redis.call('HSET', AVAILABLE, ARGV[at], ARGV[at + 1])
  if ARGV[at + 2] ~= '0' then redis.call('HSET', RESERVED, ARGV[at], ARGV[at + 2]) end
  at = at + 3
end
for i = 6, #KEYS do
  redis.call('HSET', KEYS[i], 'state', 'open', 'order', ARGV[at + 1], 'expires', ARGV[4], 'lines', ARGV[at + 2])
  redis.call('ZADD', KEYS[5], ARGV[4], ARGV[at])
  at = at + 3
end
return {'done'}
