-- What is kept of the channel: a stream. The id of an entry is <milliseconds>-<number>, and the numbers go up by one per event: that of an entry is
-- the number of its last event. A lone event is its field e, an envelope; several are its field f, a frame of version 2 without its beginning, which
-- is always the same. A hash beside it remembers the newest id, and where each eighth of `count` events begins: to read a large entry only for its id
-- costs more than all the rest, because Lua looks at every byte of a text that it gets.
local MARKS = KEYS[2] .. ':marks'
local length = redis.call('XLEN', KEYS[2]) -- should it be something else, the call is refused before anything is changed
local newest = redis.call('HMGET', MARKS, 'newest', 'length')
if newest[2] == tostring(length) then newest = newest[1]
elseif not redis.acl_check_cmd or redis.acl_check_cmd('XREVRANGE', KEYS[2], '+', '-') then
  -- Somebody else has written to it: a release that knows no marks.
  local entry = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  newest = entry and entry[1] or '0-0'
else -- who only publishes has no right to read it, and begins anew
  redis.call('DEL', KEYS[2])
  redis.call('DEL', MARKS)
  newest = '0-0'
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
  if is_next and count >= 1000 then
    local eighths, gone = math.floor(number / eighth), nil
    for back = 8, 11 do gone = gone or redis.call('HGET', MARKS, eighths - back) end -- a frame may have stepped over some
    if gone then redis.call('XTRIM', KEYS[2], 'MINID', gone) end
    redis.call('HDEL', MARKS, eighths - 8, eighths - 9, eighths - 10, eighths - 11)
    redis.call('HSET', MARKS, eighths, id)
  end
  local is_time = is_next or math.floor(now * 8 / age) ~= math.floor(before * 8 / age)
  if is_time then redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', now - age)) end
  redis.call('HSET', MARKS, 'newest', id, 'length', redis.call('XLEN', KEYS[2]))
  if is_time then
    redis.call('PEXPIRE', KEYS[2], math.ceil(age * 1.25))
    redis.call('PEXPIRE', MARKS, math.ceil(age * 1.25))
  end
end
