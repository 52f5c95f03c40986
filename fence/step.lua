-- Take fixes of drivers at one fence. The Go twin is in stepscript.go, the reasons
-- in state.go.
--
-- KEYS  states by driver, events
-- ARGV  fixes that confirm, ms that confirm, margin for leaving, depth, dwell in
--       ms, events to keep, channel, how an event begins; then five per fix:
--       driver, time, distance to the edge, accuracy, how its event ends
--
-- Lengths are decimetres. An accuracy of -1 stands for a driver who is not heard
-- of any more, and -2 for one who was not heard of for a while and is taken to be
-- where they were; the distance is the time of the state that this is about.
--
-- Returns a byte per fix: e entered, x left, d dwelt, + has a state, - has none,
-- and = for one that is not newer than the state.

local need, confirm, margin, depth, dwell = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local keep, channel, opening = ARGV[6], ARGV[7], ARGV[8]

local function tell(kind, closing)
  local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  local seq = 1
  if newest then seq = tonumber(string.match(newest[1], '^%d+')) + 1 end
  local number = string.format('%d', seq)
  local event = opening .. number .. ',"kind":"' .. kind .. '",' .. closing
  redis.call('XADD', KEYS[2], 'MAXLEN', keep, number .. '-0', 'event', event)
  redis.call('SPUBLISH', channel, event)
end

local replies = {}
for i = 9, #ARGV, 5 do
  local driver, closing = ARGV[i], ARGV[i + 4]
  local ts, d, a = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local kept = redis.call('HGET', KEYS[1], driver)
  local n = {}
  if kept then
    for digits in string.gmatch(kept, '%d+') do n[#n + 1] = tonumber(digits) end
  end
  if #n ~= 7 then n = { 0, 0, 0, 0, 0, 0, 0 } end
  local inside, last, doubt, count, since, entered, dwelt = n[1] == 1, n[2], n[3], n[4], n[5], n[6], n[7]

  local reply = '+'
  local function confirmed()
    if count == 0 then since = ts end
    count = count + 1
    return count >= need or (count > 1 and ts - since >= confirm)
  end
  local function dwelling()
    if dwell > 0 and dwelt == 0 and ts - entered >= dwell then
      dwelt = 1
      tell('dwell', closing)
      reply = 'd'
    end
  end
  if a < 0 then
    if last ~= d then
      reply = '='
    elseif a == -2 then
      if inside and count == 0 then dwelling() end
    else
      if inside then
        tell('exit', closing)
        reply = 'x'
      end
      inside, count = false, 0
    end
  elseif ts <= last then
    reply = '='
  else
    last = ts
    local within, now = d <= -math.min(a, depth), math.max(0, a - depth)
    if not inside then
      if within then
        if count == 0 or now < doubt then doubt = now end
        if confirmed() then
          inside, count, since, entered, dwelt = true, 0, 0, ts, 0
          tell('enter', closing)
          reply = 'e'
        end
      else
        count = 0
      end
    else
      if within then doubt = math.min(doubt, now) end
      if d > a + doubt + margin then
        if confirmed() then
          inside, count = false, 0
          tell('exit', closing)
          reply = 'x'
        end
      else
        count = 0
        dwelling()
      end
    end
  end
  if reply ~= '=' then
    if inside or count > 0 then
      redis.call('HSET', KEYS[1], driver, string.format('%d %d %d %d %d %d %d',
        inside and 1 or 0, last, doubt, count, since, entered, dwelt))
    else
      if kept then redis.call('HDEL', KEYS[1], driver) end
      if reply == '+' then reply = '-' end
    end
  end
  replies[#replies + 1] = reply
end
return table.concat(replies)
