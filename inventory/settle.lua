-- Close a reservation. See settle.go.
-- KEYS[5..6]: expiring, the reservation.
-- ARGV: store, now, reservation, wanted state, ms to keep it once closed.
-- One whose time is up expires, whatever is wanted, and none expires before.
local EXPIRING, RESERVATION = KEYS[5], KEYS[6]
local h = redis.call('HMGET', RESERVATION, 'state', 'order', 'expires', 'lines', 'created')
local state, order, expires, lines, created = h[1], h[2], h[3], h[4], h[5] or '0'
if not state then
  redis.call('ZREM', EXPIRING, ARGV[3])
  return {'missing'}
end

local to = ARGV[4]
local due = tonumber(NOW) >= tonumber(expires)
if due then to = 'expired' end
if state == 'open' and (due or to ~= 'expired') then
  local changes = {}
  for product, units in string.gmatch(lines, '(%S+) (%d+)') do
    local back = 0
    if to ~= 'committed' then back = tonumber(units) end
    changes[#changes + 1] = {product, back, -tonumber(units)}
  end
  local kinds = {committed = 'commit', released = 'release', expired = 'expire'}
  record(kinds[to], ARGV[3], changes, {'order', order, 'created', created, 'expires', expires, 'lines', lines})
  redis.call('HSET', RESERVATION, 'state', to)
  redis.call('PEXPIRE', RESERVATION, ARGV[5])
  state = to
end
if state ~= 'open' then redis.call('ZREM', EXPIRING, ARGV[3]) end
return {'done', state, order, expires, lines}
