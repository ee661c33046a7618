--[[ work.lua: settles deliveries of an instance, then gives it up to so many entries of a durable log: the next of a key whose turn has come
  by that, then what is due, then what is new. It is packages/core/src/durable/group.ts in Lua.
  KEYS[1] the log: a stream whose entries have the field e, the envelope, and k, its key, where it has one; the group is a group of it
  KEYS[2] pending: a hash, entry -> '<attempts> <token> <holder, or -> <=key, or nothing>': what was read, is not done with, and does not
          wait behind its key
  KEYS[3] due: a sorted set of those of them that nobody holds, score = the time to try them, in milliseconds
  KEYS[4] busy: a hash, key -> its one entry that is pending
  KEYS[5] seen: a sorted set of the instances that hold something, score = their last sign of life
  KEYS[6] about: a hash with token (the last one given), parked (how many wait behind their key), read (the last entry that was), and
          lost (how many were trimmed before they were done with)
  KEYS[7] the beginning of the names of the lists of what waits behind each key
  KEYS[8] the dead letters: a stream
  ARGV[1] group
  ARGV[2] instance id
  ARGV[3] room: how many entries it would take
  ARGV[4] milliseconds now; empty: as Redis's clock has it
  ARGV[5] an instance that has given no sign of life for so many milliseconds has lost what it held
  ARGV[6] so many entries may wait behind others of their key; then nothing more is read until some of them are done
  ARGV[7], and so on: for each delivery five values, the entry's id, its token, what became of it, and what belongs to that:
          done; retry, at which time; release: it was not tried to the end, and counts as no attempt; dead, code, message
  Returns when the next entry is due ('': none waits), 1 when there is more in the log, the tokens of the deliveries that were refused because
          somebody else has them, and for each new delivery the entry's id, its token, the attempt, the envelope, and its key after a '='
          ('': it has none)
]]
local LOG, PENDING, DUE, BUSY, SEEN = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ABOUT, LANES, DEAD = KEYS[6], KEYS[7], KEYS[8]
local group, instance, room, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local given, done = {}, {} -- deliveries, as they are returned; entries to be acknowledged

local function read(id)
  local state = redis.call('HGET', PENDING, id)
  if not state then return nil end
  local attempts, token, holder, key = string.match(state, '^(%d+) (%d+) (%S+) =?(.*)$')
  return { attempts = tonumber(attempts), token = token, holder = holder, key = string.find(state, ' =', 1, true) and key or nil }
end

local function write(id, entry)
  local key = entry.key and '=' .. entry.key or ''
  redis.call('HSET', PENDING, id, entry.attempts .. ' ' .. entry.token .. ' ' .. entry.holder .. ' ' .. key)
end

local function wait(id, key, at)
  local entry = { attempts = 0, token = '0', holder = '-', key = key }
  write(id, entry)
  redis.call('ZADD', DUE, at, id)
  if key then redis.call('HSET', BUSY, key, id) end
  return entry
end

-- The entry is done with: the next of its key has its turn. Returns that.
local function finish(id, entry)
  redis.call('HDEL', PENDING, id)
  redis.call('ZREM', DUE, id)
  done[#done + 1] = id
  if not entry.key then return nil end
  local following = redis.call('LPOP', LANES .. entry.key)
  if not following then
    redis.call('HDEL', BUSY, entry.key)
    return nil
  end
  redis.call('HINCRBY', ABOUT, 'parked', -1)
  return following, wait(following, entry.key, now)
end

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return nil
end

-- fields: of the entry, where they are known already
local function deliver(id, entry, fields)
  if not fields then
    local found = redis.call('XRANGE', LOG, id, id)[1]
    fields = found and found[2]
  end
  if not fields then
    redis.call('HINCRBY', ABOUT, 'lost', 1)
    local following, waiting = finish(id, entry)
    if following then return deliver(following, waiting) end
    return
  end
  redis.call('ZREM', DUE, id)
  entry.attempts = entry.attempts + 1
  entry.token = redis.call('HINCRBY', ABOUT, 'token', 1)
  entry.holder = instance
  write(id, entry)
  redis.call('ZADD', SEEN, now, instance)
  given[#given + 1] = { id, entry.token, entry.attempts, field(fields, 'e'), entry.key and '=' .. entry.key or '' }
end

local refused = {}
for i = 7, #ARGV, 5 do
  local id, token, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local entry = read(id)
  if not entry or entry.holder ~= instance or entry.token ~= token then
    refused[#refused + 1] = token
  elseif outcome == 'done' or outcome == 'dead' then
    local found = outcome == 'dead' and redis.call('XRANGE', LOG, id, id)[1]
    if found then
      redis.call('XADD', DEAD, '*', 'id', id, 'e', field(found[2], 'e'), 'attempts', entry.attempts,
        'code', ARGV[i + 3], 'message', ARGV[i + 4], unpack(entry.key and { 'k', entry.key } or {}))
    end
    local following, waiting = finish(id, entry)
    if following and #given < room then deliver(following, waiting) end
  else
    if outcome == 'release' then entry.attempts = entry.attempts - 1 end
    entry.holder = '-'
    write(id, entry)
    redis.call('ZADD', DUE, outcome == 'retry' and ARGV[i + 3] or now, id)
  end
end
if redis.call('ZSCORE', SEEN, instance) then redis.call('ZADD', SEEN, now, instance) end

-- What the dead held is due at once. The attempt counts: perhaps it was this entry that killed them.
local dead = room > 0 and redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - ARGV[5]) or {}
for _, member in ipairs(dead) do
  redis.call('ZREM', SEEN, member)
  local all = redis.call('HGETALL', PENDING)
  for i = 1, #all, 2 do
    local entry = read(all[i])
    if entry.holder == member then
      entry.holder = '-'
      write(all[i], entry)
      redis.call('ZADD', DUE, now, all[i])
    end
  end
end

if #given < room then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, room)) do
    if #given < room then deliver(id, read(id)) end
  end
end

local parked = tonumber(redis.call('HGET', ABOUT, 'parked') or 0)
while #given < room and parked < tonumber(ARGV[6]) do
  local entries = redis.call('XREADGROUP', 'GROUP', group, 'belfry', 'COUNT', room - #given, 'STREAMS', LOG, '>')
  local fresh = entries and entries[1] and entries[1][2]
  if not fresh then break end
  for _, each in ipairs(fresh) do
    local id, key = each[1], field(each[2], 'k')
    if key and redis.call('HEXISTS', BUSY, key) == 1 then
      redis.call('RPUSH', LANES .. key, id)
      parked = redis.call('HINCRBY', ABOUT, 'parked', 1)
    else
      deliver(id, wait(id, key, now), each[2])
    end
    redis.call('HSET', ABOUT, 'read', id)
  end
end

for i = 1, #done, 1000 do redis.call('XACK', LOG, group, unpack(done, i, math.min(i + 999, #done))) end
local soonest = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
local more = last and last[1] ~= redis.call('HGET', ABOUT, 'read')
return { soonest[2] or '', more and 1 or 0, refused, given }
