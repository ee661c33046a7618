#!lua flags=allow-oom
--[[ tend.lua: says how each group of a durable log stands, and trims what all of them have acknowledged and is not to be kept any longer.
  KEYS[1] the log (see append.lua, and work.lua for what belongs to a group)
  ARGV[1] milliseconds for which acknowledged entries are kept; empty: nothing is trimmed
  ARGV[2] how many acknowledged entries are kept; empty: no bound
  Returns for each group nine values: its name, how many places it has, entries not read, entries not done with, those of them that nobody
          holds, how old the oldest of both is in milliseconds ('': there is none), its dead letters, entries lost, and milliseconds since
          somebody asked for work
  Whole nodes of the stream are trimmed (XTRIM ~), so up to a hundred entries more may be kept.
  An ACL user without the right to read the log (XRANGE) is told no age of what was not read, and trims by age alone while there are groups; one
  without the right to trim it (XTRIM) is only told how the groups stand.
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
local function time_of(id) return tonumber(string.match(id, '^%d+')) end
local function is_before(a, b)
  local a_time, a_count = string.match(a, '^(%d+)-(%d+)$')
  local b_time, b_count = string.match(b, '^(%d+)-(%d+)$')
  a_time, b_time = tonumber(a_time), tonumber(b_time)
  return a_time < b_time or a_time == b_time and tonumber(a_count) < tonumber(b_count)
end
local function ordinal_of(entry, total)
  for i = 1, #(entry[2] or {}), 2 do
    if entry[2][i] == 'n' then return ordinal_in(entry[2][i + 1], total) end
  end
end

mature()
local reads = may('XRANGE', LOG, '-', '+')
local count = number(redis.call('HGET', ABOUT, 'count'))
local report, floor = {}, nil
local groups = redis.pcall('XINFO', 'GROUPS', LOG)
if groups.err then groups = {} end -- there is no log yet
for _, fields in ipairs(groups) do
  local of = {}
  for i = 1, #fields, 2 do of[fields[i]] = fields[i + 1] end
  local group = of.name
  local oldest
  if of.pending > 0 then oldest = redis.call('XPENDING', LOG, group)[2] end
  local unread = reads and redis.call('XRANGE', LOG, '(' .. of['last-delivered-id'], '+', 'COUNT', 1)[1]
  if not oldest and unread then oldest = unread[1] end
  local kept = oldest or not reads and of['last-delivered-id']
  if kept and (not floor or is_before(kept, floor)) then floor = kept end
  local state = redis.call('HMGET', base .. 'state:' .. group, 'ordinal', 'lost', 'at')
  local behind = count - (tonumber(state[1] or 0) or 0)
  report[#report + 1] = group
  report[#report + 1] = math.floor(#(redis.call('HGET', base .. 'members', group) or '') / 18)
  report[#report + 1] = unread and math.max(1, behind) or not reads and math.max(0, behind) or 0
  report[#report + 1] = of.pending
  report[#report + 1] = redis.call('ZCARD', base .. 'due:' .. group)
  report[#report + 1] = oldest and string.format('%.0f', math.max(0, now - time_of(oldest))) or ''
  report[#report + 1] = redis.call('XLEN', base .. 'dead:' .. group)
  report[#report + 1] = tonumber(state[2] or 0) or 0
  report[#report + 1] = string.format('%.0f', math.max(0, now - (tonumber(state[3] or now) or now)))
end

if ARGV[1] ~= '' and may('XTRIM', LOG, 'MINID', '0') and redis.call('EXISTS', LOG) == 1 then
  local before = string.format('%.0f', math.max(0, now - ARGV[1])) .. '-0'
  if floor and is_before(floor, before) then before = floor end
  redis.call('XTRIM', LOG, 'MINID', '~', before)
  if ARGV[2] ~= '' and (reads or not floor) then
    local first, second = unpack(floor and redis.call('XRANGE', LOG, floor, '+', 'COUNT', 2) or {})
    local ordinal = first and ordinal_of(first, count)
    if ordinal and second and ordinal >= (ordinal_of(second, count) or count + 1) then ordinal = nil end
    local unacknowledged = ordinal and count - ordinal + 1 or 0
    -- Where a stranger's entry is the first that counts, nobody knows how many do: they are left to their age.
    if ordinal or not first then redis.call('XTRIM', LOG, 'MAXLEN', '~', unacknowledged + ARGV[2]) end
  end
end
return report
