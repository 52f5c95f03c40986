-- One movement request: all lines or none. See move.go.
-- KEYS[5]: the request's idempotency record, if it has a key.
-- ARGV: store, now, greatest backlog, kind, reference, fingerprint, ms to keep
-- the record, then product and units of each line.
if KEYS[5] then
  local before = redis.call('GET', KEYS[5])
  if before then
    local print, units = string.match(before, '^(%x+)(.*)$')
    if print ~= ARGV[6] then return {'conflict'} end
    local after = {'done'}
    for n in string.gmatch(units, '%d+') do after[#after + 1] = tonumber(n) end
    return after
  end
end
if waiting() >= tonumber(ARGV[3]) then return {'backlog'} end

local changes, short, after, memo = {}, {'short'}, {'done'}, ARGV[6]
for i = 8, #ARGV, 2 do
  local product, change, have = ARGV[i], tonumber(ARGV[i + 1]), available(ARGV[i])
  if ARGV[4] == 'count' then change = change - have end
  local left = have + change
  if left < 0 then
    short[#short + 1] = product
    short[#short + 1] = have
  end
  if change ~= 0 then changes[#changes + 1] = {product, change, 0} end
  after[#after + 1] = left
  memo = memo .. ' ' .. int(left)
end
if #short > 1 then return short end

if #changes > 0 then record(ARGV[4], ARGV[5], changes) end
if KEYS[5] then redis.call('SET', KEYS[5], memo, 'PX', ARGV[7]) end
return after
