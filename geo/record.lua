-- Records fixes of one zone. The Go twin is in recordscript.go.
--
-- KEYS  zone, seen, last, gone, buckets, then one key per bucket
-- ARGV  greatest speed in 1e-7 degree per second, plausibility window in ms,
--       then pairs of driver and data
-- data  an optional seed of 16 bytes (time, latitude, longitude of the driver's
--       fix in the zone it comes from), then 35 bytes per fix: 23 as kept in
--       last, 8 of geohash score, 2 of bucket number, 2 of ms since the
--       bucket's start
--
-- Returns one byte per fix, in order: A accepted and not in this zone before, a
-- accepted, l late, d duplicate, i implausible, f bucket full.

local zone, seen, last, gone, buckets = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local max, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit = 1200 * 16

local verdicts = {}
local indexed = {}

-- The driver at hand, and the bucket that its last fix went to.
local driver
local number, path, changed

local function put()
  if changed then
    redis.call('HSET', KEYS[6 + number], driver, path)
    changed = false
  end
end

local function take(n, start)
  if n == number then return end
  put()
  number = n
  path = redis.call('HGET', KEYS[6 + n], driver) or ''
  if path == '' and not indexed[n] then
    indexed[n] = true
    if redis.call('EXISTS', KEYS[6 + n]) == 0 then
      redis.call('ZADD', buckets, start, string.format('%.0f', start))
    end
  end
end

-- Whether the bucket at hand has a fix of that offset.
local function has(offset)
  local at = string.find(path, offset, 1, true)
  while at do
    if at % 16 == 1 then return true end
    at = string.find(path, offset, at + 1, true)
  end
  return false
end

-- Distances are those of the tangent plane, in 1e-7 degree: exact enough for a
-- few kilometres, and made of nothing but sums and products, which both twins
-- round alike. The cosine is the first terms of its series.
local function toofast(lat0, lon0, lat1, lon1, dt)
  local dlat, dlon = lat1 - lat0, lon1 - lon0
  if dlon > 1800000000 then dlon = dlon - 3600000000
  elseif dlon < -1800000000 then dlon = dlon + 3600000000 end
  local x = (lat0 + lat1) * 8.726646259971648e-10
  local q = x * x
  local east = dlon * (1 - q * (1 / 2 - q * (1 / 24 - q * (1 / 720 - q / 40320))))
  local reach = max * dt
  return (dlat * dlat + east * east) * 1000000 > reach * reach
end

for a = 3, #ARGV, 2 do
  driver = ARGV[a]
  local data = ARGV[a + 1]
  number, path, changed = nil, '', false
  local ts, lat, lon = -1, 0, 0
  local old = redis.call('HGET', last, driver)
  local present = old and #old == 23
  if old then ts, lat, lon = struct.unpack('>I8i4i4', old) end
  local p = 1
  if #data % 35 == 16 then
    local sts, slat, slon = struct.unpack('>I8i4i4', data)
    if sts > ts then ts, lat, lon = sts, slat, slon end
    p = 17
  end
  local newest, score
  while p < #data do
    local t, la, lo = struct.unpack('>I8i4i4', data, p)
    local verdict
    if t == ts then
      verdict = 'd'
    elseif t > ts and ts >= 0 and t - ts <= window and toofast(lat, lon, la, lo, t - ts) then
      verdict = 'i'
    else
      local s, n, ms = struct.unpack('>I8I2I2', data, p + 23)
      take(n, t - ms)
      local offset = string.sub(data, p + 33, p + 34)
      local known = has(offset)
      if not known and #path >= limit then
        verdict = 'f'
      else
        if not known then
          path = path .. offset .. string.sub(data, p + 8, p + 21)
          changed = true
        end
        if t > ts then
          verdict = present and 'a' or 'A'
          present = true
          ts, lat, lon = t, la, lo
          newest, score = p, s
        else
          verdict = known and 'd' or 'l'
        end
      end
    end
    verdicts[#verdicts + 1] = verdict
    p = p + 35
  end
  put()
  if newest then
    redis.call('HSET', last, driver, string.sub(data, newest, newest + 22))
    redis.call('ZADD', zone, score, driver)
    if redis.call('ZADD', seen, ts, driver) == 1 then
      redis.call('ZREM', gone, driver)
    end
  end
end
return table.concat(verdicts)
