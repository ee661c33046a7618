-- What is kept of the channel: a stream. The id of an entry is <milliseconds>-<number>, and the numbers go up by one per event: that of an entry is
-- the number of its last event. A lone event is its field e, an envelope; several are its field f, a frame of version 2 without its beginning, which
-- is always the same. A hash beside it remembers the newest id, and where each eighth of `count` events begins: to read a large entry only for its id
-- costs more than all the rest, because Lua looks at every byte of a text that it gets.
local MARKS, BEGINNING = KEYS[2] .. ':marks', '\30{"shared":{'
redis.call('XLEN', KEYS[2]) -- should it be something else, the call is refused before anything is changed
local newest = redis.call('HGET', MARKS, 'newest')
if not newest then
  local entry = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  newest = entry and entry[1] or '0-0'
end
local before, number = string.match(newest, '^(%d+)-(%d+)$')
before, number = tonumber(before), tonumber(number)
local clock = redis.call('TIME')
local now = math.max(clock[1] * 1000 + math.floor(clock[2] / 1000), before) -- a clock that was put back must not turn the order round

local function cursor_of(n) return string.format('%.0f-%.0f', now, n) end

-- Keeps one event, or a frame of several; lets go of what is too old or too much, as often as that makes a difference.
local function keep(field, text, events, age, count)
  local eighth = math.ceil(count / 8)
  local is_next = math.floor((number + events) / eighth) > math.floor(number / eighth)
  number = number + events
  local id = cursor_of(number)
  if count < 1000 then redis.call('XADD', KEYS[2], 'MAXLEN', '=', count, id, field, text)
  else redis.call('XADD', KEYS[2], id, field, text) end
  redis.call('HSET', MARKS, 'newest', id)
  if is_next and count >= 1000 then
    local now_in = math.floor(number / eighth)
    redis.call('HSET', MARKS, now_in, id)
    local gone = redis.call('HGET', MARKS, now_in - 8)
    if gone then redis.call('XTRIM', KEYS[2], 'MINID', gone) end
    redis.call('HDEL', MARKS, now_in - 8, now_in - 9)
  end
  if is_next or math.floor(now * 8 / age) ~= math.floor(before * 8 / age) then
    redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', now - age))
    redis.call('PEXPIRE', KEYS[2], math.ceil(age * 1.25))
    redis.call('PEXPIRE', MARKS, math.ceil(age * 1.25))
  end
end
