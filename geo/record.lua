-- Records fixes of one zone. The Go twin is in recordscript.go.
--
-- KEYS  zone, seen, last, gone, buckets, then one key per bucket
-- ARGV  greatest speed in 1e-7 degree per second, plausibility window in ms,
--       length of a bucket in ms (for the twin alone, to know how much a bucket will
--       grow), then pairs of driver and data
-- data  an optional seed of 23 bytes (the driver's fix in the zone that he comes
--       from, or all ones if there is none), then 33 bytes per fix: 23 as kept in
--       last, 8 of geohash score, 2 of bucket number (and 32768 if it is believed
--       whatever its speed)
--
-- Returns one byte per fix, in order: A accepted and not settled in this zone
-- before, a accepted, s accepted without a move, l late, d duplicate, D duplicate
-- at another place, i implausible, f bucket full, u nothing was recorded, since
-- the driver is not settled in this zone and there is no seed.

-- It reads what it needs, judges, and writes what has changed, each by one command
-- for all drivers: a command costs more than a member of it. No driver is there
-- twice.

local zone, seen, last, gone, buckets = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local max, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit = 1200 * 14

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
for a = 4, #ARGV, 2 do
  local i, data = #drivers + 1, ARGV[a + 1]
  drivers[i] = ARGV[a]
  for p = #data % 33 + 1, #data, 33 do
    local high, low = string.byte(data, p + 31, p + 32)
    local part = parts[high % 128 * 256 + low]
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

-- Where a path has a fix of the same time, or nil.
local function find(path, body)
  local time = string.sub(body, 1, 2)
  local at = string.find(path, time, 1, true)
  while at do
    if at % 14 == 1 then return at end
    at = string.find(path, time, at + 1, true)
  end
end

-- The square of a distance is that of the tangent plane, in 1e-7 degree: made of
-- nothing but sums and products, which both twins round alike, exact over some
-- kilometres, and over thousands rather too long than too short. The cosine is the first terms of its series.
local function square(lat0, lon0, lat1, lon1)
  local dlat, dlon = lat1 - lat0, lon1 - lon0
  if dlon > 1800000000 then dlon = dlon - 3600000000
  elseif dlon < -1800000000 then dlon = dlon + 3600000000 end
  local x = (lat0 + lat1) * 8.726646259971648e-10
  local q = x * x
  local east = dlon * (1 - q * (1 / 2 - q * (1 / 24 - q * (1 / 720 - q / 40320))))
  return dlat * dlat + east * east
end

-- Accuracies are in dm, 65535 if unknown; 9 units of 1e-7 degree are a dm. The upper
-- bit says that the fix is made up, and with it 65534 is an unknown one.
local function accuracy(fix, at)
  local a = struct.unpack('>I2', fix, at)
  if a >= 65534 then return 65535 end
  return a % 32768
end

local function slack(accuracy)
  if accuracy == 65535 then return 0 end
  return math.min(accuracy, 1000)
end

local function noise(a, b)
  if a == 65535 then a = 100 end
  if b == 65535 then b = 100 end
  return math.min(math.max(a, b), 1000)
end

local verdicts = {}
local newests, places, times, due, movers = {}, {}, {}, {}, {}
local lasts = hmget(last, drivers)
for i, driver in ipairs(drivers) do
  local data = ARGV[2 * i + 3]
  local ts, lat, lon, acc = -1, 0, 0, 65535
  local old = lasts[i]
  local settled = old and (#old == 23 or #old == 24 and string.byte(old, 24) == 1)
  local placed = old and #old == 23
  local known = settled
  if old then
    ts, lat, lon = struct.unpack('>I8i4i4', old)
    acc = accuracy(old, 19)
  end
  local before, waslat, waslon = ts, lat, lon
  local p = #data % 33 + 1
  if p > 1 then
    known = true
    if string.byte(data, 1) < 128 then
      local sts, slat, slon = struct.unpack('>I8i4i4', data)
      if sts > ts then ts, lat, lon, acc = sts, slat, slon, accuracy(data, 19) end
    end
  end
  local newest, score
  local entered = false
  while p < #data do
    local verdict = 'u'
    if known then
      local t, la, lo, speed = struct.unpack('>I8i4i4I2', data, p)
      local a = accuracy(data, p + 18)
      if t == ts then
        verdict = (la == lat and lo == lon) and 'd' or 'D'
      else
        local s, n = struct.unpack('>I8I2', data, p + 23)
        local part = parts[n % 32768]
        local path, body = part.path[i], string.sub(data, p + 6, p + 19)
        local at = t < ts and find(path, body)
        local d2, dt = 0, math.abs(t - ts)
        local comparable = ts >= 0 and dt <= window
        if comparable then d2 = square(lat, lon, la, lo) end
        local reach = max * dt + 9000 * (slack(acc) + slack(a))
        if at then
          verdict = string.sub(path, at, at + 9) == string.sub(body, 1, 10) and 'd' or 'D'
        elseif comparable and n < 32768 and d2 * 1000000 > reach * reach then
          verdict = 'i'
        elseif #path >= limit then
          verdict = 'f'
        else
          part.path[i], part.changed[i] = path .. body, true
          if t < ts then
            verdict = 'l'
          else
            if not settled and not entered then
              verdict, entered = 'A', true
            else
              local near = 9 * noise(acc, a)
              local still = comparable and d2 <= near * near and (speed == 65535 or speed < 50)
              verdict = still and 's' or 'a'
            end
            ts, lat, lon, acc = t, la, lo, a
            newest, score = p, s
          end
        end
      end
    end
    verdicts[#verdicts + 1] = verdict
    p = p + 33
  end
  if newest then
    local m = #movers
    movers[m + 1] = driver
    newests[2 * m + 1] = driver
    newests[2 * m + 2] = string.sub(data, newest, newest + 22) .. (settled and '' or '\0')
    -- Written out here, since Redis does it in twice the time.
    -- In zone a driver is moved when he comes to another cell.
    if not placed or math.floor(waslat / 2048) ~= math.floor(lat / 2048)
      or math.floor(waslon / 2048) ~= math.floor(lon / 2048) then
      places[#places + 1], places[#places + 2] = string.format('%d', score), driver
    end
    times[2 * m + 1], times[2 * m + 2] = string.format('%.11f', ts + score % 2048 / 2048), driver
    if math.floor(ts / 15000) ~= math.floor(math.max(before, 0) / 15000) then
      due[#due + 1], due[#due + 2] = times[2 * m + 1], driver
    end
  end
end

for n = 0, #parts do
  local part, fields = parts[n], {}
  for _, i in ipairs(part.who) do
    if part.changed[i] then
      -- Into the index before anything is in the bucket.
      if #fields == 0 and not part.begun[i] and redis.call('EXISTS', KEYS[6 + n]) == 0 then
        local start = string.match(KEYS[6 + n], '%d+$')
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
  -- In seen a driver is moved once in 15 s, as is everybody if one has come to the
  -- zone: who is in zone must be in seen.
  if #places > 0 and put('ZADD', zone, places) > 0 then
    due = times
    put('ZREM', gone, movers) -- whoever was there all the time is not among the gone
  end
  put('ZADD', seen, due)
end
return table.concat(verdicts)
