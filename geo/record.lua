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

-- It reads what it needs, judges, and writes what has changed, each by one command
-- for all drivers: a command costs more than a member of it. No driver is there
-- twice.

local zone, seen, last, gone, buckets = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local max, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit = 1200 * 16

-- Calls a command in pieces, since Lua's stack has room for some 8,000 arguments.
local function pieces(args, call)
  for i = 1, #args, 4000 do
    call(unpack(args, i, math.min(i + 3999, #args)))
  end
end

local function hmget(key, fields)
  local all
  pieces(fields, function(...)
    local some = redis.call('HMGET', key, ...)
    if not all then all = some else
      for i = 1, #some do all[#all + 1] = some[i] end
    end
  end)
  return all
end

local function put(command, key, args)
  local added = 0
  pieces(args, function(...) added = added + redis.call(command, key, ...) end)
  return added
end

-- The drivers' parts of each bucket: who has one, in order, and by driver its path
-- and whether that has changed.
local drivers, parts = {}, {}
for n = 0, #KEYS - 6 do parts[n] = { who = {}, names = {}, path = {}, begun = {}, changed = {} } end
for a = 3, #ARGV, 2 do
  local i, data = #drivers + 1, ARGV[a + 1]
  drivers[i] = ARGV[a]
  for p = #data % 35 + 1, #data, 35 do
    local high, low = string.byte(data, p + 31, p + 32)
    local part = parts[high * 256 + low]
    if part.who[#part.who] ~= i then
      part.who[#part.who + 1], part.names[#part.names + 1] = i, drivers[i]
    end
  end
end
for n = 0, #parts do
  local part = parts[n]
  local paths = hmget(KEYS[6 + n], part.names)
  for k, i in ipairs(part.who) do
    part.path[i], part.begun[i] = paths[k] or '', paths[k]
  end
end

-- Whether a path has a fix of that offset.
local function has(path, offset)
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

local verdicts = {}
local newests, places, times, movers = {}, {}, {}, {}
local lasts = hmget(last, drivers)
for i, driver in ipairs(drivers) do
  local data = ARGV[2 * i + 2]
  local ts, lat, lon = -1, 0, 0
  local old = lasts[i]
  local present = old and #old == 23
  if old then ts, lat, lon = struct.unpack('>I8i4i4', old) end
  local p = #data % 35 + 1
  if p > 1 then
    local sts, slat, slon = struct.unpack('>I8i4i4', data)
    if sts > ts then ts, lat, lon = sts, slat, slon end
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
      local part = parts[n]
      local path, offset = part.path[i], string.sub(data, p + 33, p + 34)
      local known = has(path, offset)
      if not known and #path >= limit then
        verdict = 'f'
      else
        if not known then
          part.path[i] = path .. offset .. string.sub(data, p + 8, p + 21)
          part.changed[i], part.start = true, t - ms
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
  if newest then
    local m = #movers
    movers[m + 1] = driver
    newests[2 * m + 1], newests[2 * m + 2] = driver, string.sub(data, newest, newest + 22)
    -- Written out here, since Redis does it in twice the time.
    places[2 * m + 1], places[2 * m + 2] = string.format('%d', score), driver
    times[2 * m + 1], times[2 * m + 2] = string.format('%d', ts), driver
  end
end

for n = 0, #parts do
  local part, fields = parts[n], {}
  for _, i in ipairs(part.who) do
    if part.changed[i] then
      -- Into the index before anything is in the bucket.
      if #fields == 0 and not part.begun[i] and redis.call('EXISTS', KEYS[6 + n]) == 0 then
        local start = string.format('%d', part.start)
        redis.call('ZADD', buckets, start, start)
      end
      fields[#fields + 1] = drivers[i]
      fields[#fields + 1] = part.path[i]
    end
  end
  put('HSET', KEYS[6 + n], fields)
end
if #movers > 0 then
  put('HSET', last, newests)
  put('ZADD', zone, places)
  if put('ZADD', seen, times) > 0 then
    put('ZREM', gone, movers) -- whoever was seen all the time is not among the gone
  end
end
return table.concat(verdicts)
