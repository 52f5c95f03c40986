-- What every change of a store's stock has in common; see record.go.
-- KEYS[1..4]: available, reserved, meta, movements. ARGV[1..2]: store, now in ms.
local AVAILABLE, RESERVED, META, MOVEMENTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local STORE, NOW = ARGV[1], ARGV[2]

-- int prints a whole number without an exponent.
local function int(n) return string.format('%.0f', n) end

local function available(product)
  return tonumber(redis.call('HGET', AVAILABLE, product) or 0)
end

-- waiting is the number of movements that the ledger does not have yet.
local function waiting()
  local oldest = redis.call('XRANGE', MOVEMENTS, '-', '+', 'COUNT', 1)[1]
  if not oldest then return 0 end
  local last = tonumber(redis.call('HGET', META, 'seq') or 0)
  return last - tonumber(string.match(oldest[1], '^%d+')) + 1
end

-- record carries out changes, each {product, available, reserved}, and appends
-- one movement for each, the last one with the fields of about, if there is any.
-- The stream comes first: it is all that could refuse.
local function record(kind, reference, changes, about)
  local last = redis.call('HINCRBY', META, 'seq', #changes)
  for i, c in ipairs(changes) do
    local entry = {'ts', NOW, 'kind', kind, 'product', c[1], 'available', int(c[2]), 'reserved', int(c[3]), 'ref', reference}
    if about and i == #changes then
      for _, v in ipairs(about) do entry[#entry + 1] = v end
    end
    redis.call('XADD', MOVEMENTS, int(last - #changes + i) .. '-0', unpack(entry))
  end
  local stock = {}
  for _, c in ipairs(changes) do
    if c[3] ~= 0 and redis.call('HINCRBY', RESERVED, c[1], int(c[3])) == 0 then
      redis.call('HDEL', RESERVED, c[1])
    end
    if c[2] ~= 0 then
      local units = redis.call('HINCRBY', AVAILABLE, c[1], int(c[2]))
      stock[#stock + 1] = '"' .. c[1] .. '":' .. int(units)
    end
  end
  if #stock > 0 then
    redis.call('SPUBLISH', 'stock_updates:{' .. STORE .. '}',
      '{"store_id":"' .. STORE .. '","seq":' .. int(last) .. ',"ts":' .. NOW ..
      ',"stock":{' .. table.concat(stock, ',') .. '}}')
  end
end
