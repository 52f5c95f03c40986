-- Replace a store's stock by what the ledger says. See rebuild.go.
-- KEYS[5]: expiring; KEYS[6..]: the reservations that there shall be, then those to
-- be removed.
-- ARGV: store, now, number of the last movement, the one that the engine must have
-- ('': none), number of products; product, available, reserved of each; number of
-- reservations; id, state, order, created, expires, lines and ms to keep (0: it is
-- open) of each.
if (redis.call('HGET', META, 'seq') or '') ~= ARGV[4] then return {'changed'} end
if #redis.call('XRANGE', MOVEMENTS, '-', '+', 'COUNT', 1) > 0 then return {'undrained'} end
for _, key in ipairs(KEYS) do redis.call('DEL', key) end

redis.call('HSET', META, 'seq', ARGV[3])
local at = 6
for _ = 1, tonumber(ARGV[5]) do
  redis.call('HSET', AVAILABLE, ARGV[at], ARGV[at + 1])
  if ARGV[at + 2] ~= '0' then redis.call('HSET', RESERVED, ARGV[at], ARGV[at + 2]) end
  at = at + 3
end
local reservations = tonumber(ARGV[at])
at = at + 1
for i = 6, 5 + reservations do
  redis.call('HSET', KEYS[i], 'state', ARGV[at + 1], 'order', ARGV[at + 2], 'created', ARGV[at + 3],
    'expires', ARGV[at + 4], 'lines', ARGV[at + 5])
  if ARGV[at + 6] == '0' then
    redis.call('ZADD', KEYS[5], ARGV[at + 4], ARGV[at])
  else
    redis.call('PEXPIRE', KEYS[i], ARGV[at + 6])
  end
  at = at + 7
end
return {'done'}
