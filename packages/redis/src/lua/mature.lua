#!lua flags=allow-oom
--[[ mature.lua: appends the delayed events of a log whose time has come, at most a hundred. Also while Redis is out of memory: what is delayed is
  only moved.
  KEYS[1] the log (see append.lua)
  Returns in how many milliseconds the next one is due; '': none waits, or the ACL user may not append
]]
-- include log
-- The names that hang on the channel's hash tag, and the time of this call by Redis's own clock.
local TELL = 'PUBLISH' -- what reaches whoever listens to all of the channel; on a Cluster: 'SPUBLISH'
local base = string.sub(KEYS[1], 1, -4)
local LOG, ABOUT, BELLS = KEYS[1], base .. 'about', base .. 'bells'
local LATER, BODIES = base .. 'later', base .. 'later:bodies'
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)

-- Before anything is changed: should the log or one of these hashes be something else, the call is refused, and has done nothing.
local function look_at(...)
  redis.call('XLEN', LOG)
  for _, key in ipairs({ ... }) do redis.call('HLEN', key) end
end

-- A number that is written down. Raises where something else stands.
local function number(text)
  if not text then return 0 end
  return tonumber(text) or error('a number of Belfry is none any more: somebody else writes to its keys')
end

-- Which entry of the log it is, by its field n: nothing where that is a stranger's. total: so many were appended
local function ordinal_in(n, total)
  local ordinal = tonumber(string.match(n or '', '^%d+$'))
  return ordinal and ordinal > 0 and ordinal <= total and ordinal or nil
end

-- Appends to the log. count: how many are appended in this call; the ordinals of all of them are taken at once. Returns how many there were
-- ever by then.
local last_ordinal
local function take_ordinals(count)
  local total = redis.call('HINCRBY', ABOUT, 'count', count)
  last_ordinal = total - count
  if last_ordinal == 0 then
    local time = redis.call('TIME')
    redis.call('HSET', ABOUT, 'epoch', time[1] .. string.format('%06d', time[2]))
  end
  return total
end

local function add(body, key, only)
  last_ordinal = last_ordinal + 1
  if only then
    return redis.call('XADD', LOG, '*', 'e', body, 'n', last_ordinal, 'g', only, unpack(key and { 'k', key } or {}))
  end
  if key then return redis.call('XADD', LOG, '*', 'e', body, 'n', last_ordinal, 'k', key) end
  return redis.call('XADD', LOG, '*', 'e', body, 'n', last_ordinal)
end

-- Rings at an instance of the group that waits for work, and not at `besides`. Returns whether one heard it.
local function ring(group, waiting, besides)
  local rung, rest, changed = false, {}, false
  for instance in string.gmatch(waiting, '(%S+) ') do
    if rung or instance == besides then rest[#rest + 1] = instance .. ' '
    else
      changed = true
      rung = redis.call('SPUBLISH', base .. 'inbox:' .. group .. ':' .. instance, '!') > 0
    end
  end
  if changed then redis.call('HSET', BELLS, group, table.concat(rest)) end
  return rung
end

local function ring_all()
  local bells = redis.call('HGETALL', BELLS)
  for i = 1, #bells, 2 do ring(bells[i], bells[i + 1]) end
end

-- When the next delayed event is due, as far as that has been looked up; nil: none waits.
local next_delayed
local function look_for_delayed() next_delayed = redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2] end

-- Whether the ACL user of this call has the right to do that.
local function may(...) return not redis.acl_check_cmd or redis.acl_check_cmd(...) end

-- Appends the delayed events whose time has come, and returns whether there were any. A body is kept behind the length of its key, or behind
-- a '-'. Who only handles events has no right to append any: that is left to those who publish, and whose doorbell tells when it is done.
local function mature()
  look_for_delayed()
  if not next_delayed or tonumber(next_delayed) > now then return false end
  if not (may('ZREM', LATER, '') and may('HINCRBY', ABOUT, 'count', 1) and may('XADD', LOG, '*', 'e', '')
    and may('SET', base .. 'id:', '') and may(TELL, base .. 'all', '')) then
    next_delayed = nil
    return false
  end
  local due = redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, 100)
  look_at(ABOUT, BELLS, BODIES)
  take_ordinals(#due)
  for _, id in ipairs(due) do
    local kept = redis.call('HGET', BODIES, id)
    redis.call('ZREM', LATER, id)
    redis.call('HDEL', BODIES, id)
    if kept then
      local length, rest = string.match(kept, '^(%d*)[-:](.*)$')
      local key = length ~= '' and string.sub(rest, 1, length) or nil
      local body = string.sub(rest, #(key or '') + 1)
      redis.call('SET', base .. 'id:' .. id, add(body, key), 'XX', 'KEEPTTL')
      redis.call(TELL, base .. 'all', body)
    end
  end
  ring_all()
  look_for_delayed()
  return true
end
-- end of log
mature()
return next_delayed and string.format('%.0f', math.max(0, next_delayed - now)) or ''
