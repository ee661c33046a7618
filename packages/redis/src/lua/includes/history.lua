-- What is kept of the channel: a stream. The id of an entry is <milliseconds>-<number>, and the numbers go up by one per event: that of an entry is
-- the number of its last event. A lone event is its field e, an envelope; several are its field f, a frame of version 2.
local clock = redis.call('TIME')
local now, number, before = clock[1] * 1000 + math.floor(clock[2] / 1000), 0, 0
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if newest then
  local at, last = string.match(newest[1], '(%d+)-(%d+)')
  before, number = tonumber(at), tonumber(last)
  now = math.max(now, before) -- a clock that was put back must not turn the order round
end

local function cursor_of(n) return string.format('%.0f-%.0f', now, n) end

-- Keeps one event, or a frame of several.
local function keep(field, text, events, count)
  number = number + events
  -- A node of a stream holds a hundred entries: of many, a few more do not matter.
  redis.call('XADD', KEYS[2], 'MAXLEN', count < 1000 and '=' or '~', count, cursor_of(number), field, text)
end

-- Lets go of what is too old or too much, now and then: as often as makes a difference.
local function trim(events, age, count)
  local isTime = math.floor(now * 8 / age) ~= math.floor(before * 8 / age)
  if isTime then
    redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', now - age))
    redis.call('PEXPIRE', KEYS[2], math.ceil(age * 1.25))
  end
  if math.floor(number / 64) == math.floor((number - events) / 64) then return end
  for _ = 1, 64 do -- the rest next time
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    if tonumber(string.match(oldest[1], '%-(%d+)')) > number - count then return end
    redis.call('XDEL', KEYS[2], oldest[1])
  end
end
