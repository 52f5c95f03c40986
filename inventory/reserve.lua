-- Reserve several products, all or none. See reserve.go.
-- KEYS[5..6]: expiring, the reservation; KEYS[7]: the request's idempotency
-- record, if it has a key.
-- ARGV: store, now, greatest backlog, reservation, order, expiry in ms,
-- fingerprint, ms to keep the record, lines as "product units product units".
if KEYS[7] then
  local before = redis.call('GET', KEYS[7])
  if before then
    local print, id = string.match(before, '^(%x+) (.*)$')
    if print ~= ARGV[7] then return {'conflict'} end
    return {'same', id}
  end
end
if waiting() >= tonumber(ARGV[3]) then return {'backlog'} end

local changes, short = {}, {'short'}
for product, digits in string.gmatch(ARGV[9], '(%S+) (%d+)') do
  local units, have = tonumber(digits), available(product)
  if have < units then
    short[#short + 1] = product
    short[#short + 1] = have
  end
  changes[#changes + 1] = {product, -units, units}
end
if #short > 1 then return short end

record('reserve', ARGV[4] .. ' ' .. ARGV[5], changes,
  {'order', ARGV[5], 'created', NOW, 'expires', ARGV[6], 'lines', ARGV[9]})
redis.call('HSET', KEYS[6], 'state', 'open', 'order', ARGV[5], 'created', NOW, 'expires', ARGV[6], 'lines', ARGV[9])
redis.call('ZADD', KEYS[5], ARGV[6], ARGV[4])
if KEYS[7] then redis.call('SET', KEYS[7], ARGV[7] .. ' ' .. ARGV[4], 'PX', ARGV[8]) end
return {'done'}
