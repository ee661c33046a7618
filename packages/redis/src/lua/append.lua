--[[ append.lua: appends what one turn published on one durable channel to its log, wakes one waiting instance of each group, and tells
  whoever listens to all of the channel.
  KEYS[1] the log: a stream, belfry:{<channel>}:log. Each entry has the fields e, the envelope; n, which entry of the log it is, from 1; and
          k, its key, where it has one. What else is written hangs on the same hash tag:
          about      a hash: count, how many were appended; epoch, when the first of them was
          bells      a hash, group -> the instances that wait for work, each followed by a space
          members    who has a place in each group (see publish.lua)
          later, later:bodies   what is delayed: a sorted set of ids, score = when it is due; a hash, id -> its key and envelope
          id:<id>    an id that a publisher gave -> its entry, or 'later'; it expires
          sent:<publisher>      a hash: last, the last batch of this publisher; and its batches whose answer it may not have heard
  ARGV[1] publisher: 16 hex digits; empty: a program that never sends a batch again
  ARGV[2] which batch of this publisher on this channel it is, from 1
  ARGV[3] up to which batch the publisher has heard the answers
  ARGV[4] milliseconds for which a given id is remembered
  ARGV[5] the log never holds more than about so many entries; empty: no bound
  ARGV[6], and so on: for each event four values, its key after a '=' (empty: none), an id that was given for it or that it is called
          off by after a '=' (empty: none), milliseconds to wait (empty: none), and its envelope
  Returns how many heard it who listen to all of the channel; for each event its entry, 'later' for a delayed one, and the same after a '='
          when its id was known already; for each group its name and 1, it has members, or 0; and how many were ever appended
  A batch that was appended before is recognised, and answered as it was then.
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
local publisher, batch, heard = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local SENT, MEMBERS = base .. 'sent:' .. publisher, base .. 'members'
local FIRST, SIZE = 6, 4
local entries, listeners = {}, 0

-- For each group its name and whether it has members. Rings, in each, at one that waits.
local function groups(bells, rings)
  local all, ring_of = {}, {}
  for i = 1, #rings, 2 do ring_of[rings[i]] = rings[i + 1] end
  for i = 1, #bells, 2 do
    local group = bells[i]
    local there = ring(group, bells[i + 1])
    local places = ring_of[group] or ''
    -- Nobody waits: they are busy, or dead. 18 characters a place, of which 16 are the instance's id.
    for at = 1, there and 0 or #places, 18 do
      local inbox = base .. 'inbox:' .. group .. ':' .. string.sub(places, at, at + 15)
      there = redis.call('PUBSUB', 'SHARDNUMSUB', inbox)[2] > 0
      if there then break end
    end
    all[#all + 1] = group
    all[#all + 1] = there and 1 or 0
  end
  return all
end

local sent = publisher ~= '' and redis.call('HMGET', SENT, 'last', 'from')
if sent then
  local last = tonumber(sent[1] or 0)
  if batch <= last then
    local answer = redis.call('HGET', SENT, batch)
    for entry in string.gmatch(answer or '', '(%S+) ') do entries[#entries + 1] = entry end
    local bells, rings = redis.call('HGETALL', BELLS), redis.call('HGETALL', MEMBERS)
    return { 0, entries, groups(bells, rings), tonumber(redis.call('HGET', ABOUT, 'count') or 0) }
  end
end

look_at(ABOUT)
local bells, rings = redis.call('HGETALL', BELLS), redis.call('HGETALL', MEMBERS)
if mature() then bells = redis.call('HGETALL', BELLS) end
local fresh, named = 0, false -- events that are appended now, as far as that is known before
for i = FIRST, #ARGV, SIZE do
  if ARGV[i + 2] == '' then fresh = fresh + 1 end
  named = named or ARGV[i + 1] ~= ''
end
local known = {} -- given ids that were published before, or earlier in this batch
for i = FIRST, named and #ARGV or 0, SIZE do
  local given = ARGV[i + 1]
  if string.sub(given, 1, 1) == '=' then
    local id = string.sub(given, 2)
    local entry = redis.call('GET', base .. 'id:' .. id)
    if entry or known[id] then
      known[i] = entry or id
      if ARGV[i + 2] == '' then fresh = fresh - 1 end
    else
      known[id] = true
    end
  end
end

local total = fresh > 0 and take_ordinals(fresh) or tonumber(redis.call('HGET', ABOUT, 'count') or 0)
local bodies, entry_of = {}, {}
for i = FIRST, #ARGV, SIZE do
  local key, given, delay, body = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local its_key, entry = key ~= '' and string.sub(key, 2) or nil, nil
  if known[i] then entry = '=' .. (entry_of[known[i]] or known[i])
  elseif delay ~= '' then
    local id = string.sub(given, 2)
    redis.call('ZADD', LATER, now + delay, id)
    redis.call('HSET', BODIES, id, (its_key and #its_key .. ':' .. its_key or '-') .. body)
    entry = 'later'
  else
    entry = add(body, its_key)
    bodies[#bodies + 1] = body
  end
  if named and string.sub(given, 1, 1) == '=' and not known[i] then
    local id = string.sub(given, 2)
    redis.call('SET', base .. 'id:' .. id, entry, 'PX', math.max(1, tonumber(ARGV[4])))
    entry_of[id] = entry
  end
  entries[#entries + 1] = entry
end
if ARGV[5] ~= '' then redis.call('XTRIM', LOG, 'MAXLEN', '~', ARGV[5]) end
-- One listener decides for the whole call: nobody can subscribe while a script runs.
if #bodies > 0 then listeners = redis.call(TELL, base .. 'all', bodies[1]) end
if listeners > 0 and #bodies > 1 then
  redis.call(TELL, base .. 'all', '\30' .. table.concat(bodies, '\n\30', 2) .. '\n')
end

if sent then
  local from = tonumber(sent[2] or 1)
  for old = from, heard do redis.call('HDEL', SENT, old) end
  redis.call('HSET', SENT, 'last', batch, 'from', math.max(from, heard + 1), batch, table.concat(entries, ' ') .. ' ')
  redis.call('PEXPIRE', SENT, 3600000)
end
return { listeners, entries, groups(bells, rings), total }
