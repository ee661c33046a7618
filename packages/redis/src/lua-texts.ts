// Made by `npm run lua` from lua/*.lua: change those.

export const luaTexts = {
  ask: `--[[ ask.lua: gives each request that one turn asks on one channel to one member of the group that answers.
  KEYS[1]  the channel's members (see publish.lua)
  ARGV[1]  channel, for example belfry:pricing.quote/request
  ARGV[2]  turn: a whole number that the asker counts up by one per request; it says whose turn it is
  ARGV[3], ARGV[4], and so on: for each request two values, the CRC-32 of its key (empty: it has no key) and its envelope
  Returns  for each request who received it, as <group>/<instance id>, or nothing ('') when nobody did

  One group answers; should there be several, it is the first by name that has a connected member.
  Several requests to one member travel as one frame, a JSON text sequence (RFC 7464); a lone request travels as itself.
  Nothing is written unless a dead place is dropped, so this works while Redis is out of memory, and leaves no trace in AOF.
]]
local PLACE, ID = 18, 16
local turn = tonumber(ARGV[2])
local base = 'belfry:{' .. ARGV[1] .. '}:inbox:'
local rings = redis.call('HGETALL', KEYS[1])

if #rings > 2 then
  local names, ring_of = {}, {}
  for i = 1, #rings, 2 do
    names[#names + 1] = rings[i]
    ring_of[rings[i]] = rings[i + 1]
  end
  table.sort(names)
  for i, group in ipairs(names) do rings[i * 2 - 1], rings[i * 2] = group, ring_of[group] end
end

-- include drop
-- Takes dead places out of a group's ring.
local function drop(group, ring, dead)
  local rest = {}
  for i = 1, #ring, PLACE do
    if not dead[string.sub(ring, i, i + ID - 1)] then rest[#rest + 1] = string.sub(ring, i, i + PLACE - 1) end
  end
  redis.pcall('HSET', KEYS[1], group, table.concat(rest)) -- out of memory: the place stays, and is passed over again
end
-- end of drop

-- A lone request without a key. It comes before what only the others need, because Redis makes a script's functions anew in each call.
-- The members are asked one after the other, beginning with the one whose turn it is.
if #ARGV == 4 and ARGV[3] == '' then
  for i = 1, #rings, 2 do
    local group, ring, dead = rings[i], rings[i + 1], nil
    local inbox, members = base .. group .. ':', #ring / PLACE
    if members % 1 > 0 then members = 0 end -- it is nobody's ring
    for try = 0, members - 1 do
      local at = (turn + try) % members * PLACE
      local member = string.sub(ring, at + 1, at + ID)
      if redis.call('SPUBLISH', inbox .. member, ARGV[4]) > 0 then
        if dead then drop(group, ring, dead) end
        return { group .. '/' .. member }
      end
      dead = dead or {}
      dead[member] = true
    end
  end
  return { '' }
end

-- include ring
-- The messages of this call, and the CRC-32 of the key of each or false. \`first\` is where they begin among the arguments.
local function messages_from(first)
  local messages, keys = {}, {}
  for i = first, #ARGV, 2 do
    keys[#keys + 1] = tonumber(ARGV[i]) or false
    messages[#messages + 1] = ARGV[i + 1]
  end
  return messages, keys
end

local function frame(list)
  if #list == 1 then return list[1] end
  return '\\30' .. table.concat(list, '\\n\\30') .. '\\n'
end

-- Rendezvous hashing: the member with the highest score has the key. Products stay below 2^53, where Lua's numbers are exact.
local function score(key, number)
  local h = bit.bxor(key, number) % 4294967296
  h = (h * 1597333) % 4294967291
  h = bit.bxor(h, bit.rshift(h, 15)) % 4294967296
  return (h * 2039213) % 4294967279
end

-- Answers for the keys of one set of members: which of them has it.
local function owners(members)
  local numbers, known = {}, {}
  for i, member in ipairs(members) do numbers[i] = tonumber(string.sub(member, 1, 8), 16) or 0 end
  return function(key)
    if known[key] then return known[key] end
    local best, highest = 1, -1
    for i, number in ipairs(numbers) do
      local s = score(key, number)
      if s > highest then best, highest = i, s end
    end
    known[key] = best
    return best
  end
end

-- The members of a ring: none when it is nobody's ring.
local function members_of(ring)
  local members = {}
  if #ring % PLACE > 0 then return members end
  for i = 1, #ring, PLACE do members[#members + 1] = string.sub(ring, i, i + ID - 1) end
  return members
end

-- Gives a lone message to the connected member that has its key, and returns who that is. The places of those who have a higher
-- score but are not connected are dropped.
local function deal_one(message, key, group, ring, inbox, members)
  local dead = {}
  while #members > 0 do
    local at = owners(members)(key)
    if redis.call('SPUBLISH', inbox .. members[at], message) > 0 then
      if next(dead) then drop(group, ring, dead) end
      return members[at]
    end
    dead[members[at]] = true
    table.remove(members, at)
  end
end

-- The connected ones among a group's members. If there is one, the places of the others are dropped.
local function living_of(group, ring, inbox, members)
  local inboxes, living, dead = {}, {}, {}
  if #members == 0 then return living end
  for i, member in ipairs(members) do inboxes[i] = inbox .. member end
  local counts = redis.call('PUBSUB', 'SHARDNUMSUB', unpack(inboxes))
  for i, member in ipairs(members) do
    if counts[i * 2] > 0 then living[#living + 1] = member else dead[member] = true end
  end
  if #living > 0 and next(dead) then drop(group, ring, dead) end
  return living
end

-- Deals messages out over members: by key, else by turn, and to each all of its own at once. Returns for each message who has it.
local function deal_out(messages, keys, turn, inbox, members)
  local hands, chosen, owner = {}, {}, owners(members)
  for i, message in ipairs(messages) do
    local at = keys[i] and owner(keys[i]) or (turn + i - 1) % #members + 1
    local hand = hands[at]
    if hand then hand[#hand + 1] = message else hands[at] = { message } end
    chosen[i] = members[at]
  end
  for at, hand in pairs(hands) do redis.call('SPUBLISH', inbox .. members[at], frame(hand)) end
  return chosen
end
-- end of ring

local requests, keys = messages_from(3)
local receivers = {}
for i = 1, #rings, 2 do
  local group, ring = rings[i], rings[i + 1]
  local inbox, members = base .. group .. ':', members_of(ring)
  if #requests == 1 then
    local member = deal_one(requests[1], keys[1], group, ring, inbox, members)
    if member then return { group .. '/' .. member } end
  else
    local living = living_of(group, ring, inbox, members)
    if #living > 0 then
      for at, member in ipairs(deal_out(requests, keys, turn, inbox, living)) do receivers[at] = group .. '/' .. member end
      return receivers
    end
  end
end
for i = 1, #requests do receivers[i] = '' end
return receivers
`,
  audience: `--[[ audience.lua: who would receive an event that is published now. Publishes nothing.
  KEYS[1] the channel's members (see publish.lua)
  ARGV[1] channel
  Returns how many instances listen to the broadcast, then for each known group its name and how many of its members are connected
]]
local PLACE, ID = 18, 16
local base = 'belfry:{' .. ARGV[1] .. '}:'
local audience = { redis.call('PUBSUB', 'NUMSUB', base .. 'all')[2] }
local rings = redis.call('HGETALL', KEYS[1])
for i = 1, #rings, 2 do
  local connected = 0
  for at = 1, #rings[i + 1], PLACE do
    local inbox = base .. 'inbox:' .. rings[i] .. ':' .. string.sub(rings[i + 1], at, at + ID - 1)
    if redis.call('PUBSUB', 'SHARDNUMSUB', inbox)[2] > 0 then connected = connected + 1 end
  end
  audience[#audience + 1] = rings[i]
  audience[#audience + 1] = connected
end
return audience
`,
  join: `--[[ join.lua: takes an instance's place in its group's ring, or stamps the place that it has, and clears away what is stale.
  KEYS[1] the channel's members (see publish.lua)
  KEYS[2] when each place was stamped: a sorted set, score = milliseconds of Redis's own clock,
          member = '<group> <instance id>', or '<group> ' for a group that has lost its last place
  ARGV[1] group
  ARGV[2] instance id, 16 hex digits
  ARGV[3] newest frame version that the instance reads, 2 hex digits
  ARGV[4] milliseconds after which a place without a stamp is removed
  ARGV[5] milliseconds for which a group without places stays known
  Returns how many stale places were removed
]]
local PLACE, ID = 18, 16
local group, id, place = ARGV[1], ARGV[2], ARGV[2] .. ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function without(ring, member)
  local rest = {}
  for i = 1, #ring, PLACE do
    if string.sub(ring, i, i + ID - 1) ~= member then rest[#rest + 1] = string.sub(ring, i, i + PLACE - 1) end
  end
  return table.concat(rest)
end

-- First the own stamp: when Redis is out of memory the script ends here, before it could remove anybody.
redis.call('ZADD', KEYS[2], now, group .. ' ' .. id)
redis.call('ZREM', KEYS[2], group .. ' ')
local ring = redis.call('HGET', KEYS[1], group) or ''
if #ring % PLACE ~= 0 then ring = '' end -- no ring: the members take their places again
local kept = without(ring, id)
if #kept == #ring or not string.find(ring, place, 1, true) then redis.call('HSET', KEYS[1], group, kept .. place) end

local removed = 0
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[4])) do
  local at, member = string.match(entry, '^(%S+) (%x+)$')
  if member then
    local stale = redis.call('HGET', KEYS[1], at) or ''
    local rest = without(stale, member)
    if #rest < #stale then
      removed = removed + 1
      redis.call('HSET', KEYS[1], at, rest)
    end
    local seen = redis.call('ZSCORE', KEYS[2], entry)
    redis.call('ZREM', KEYS[2], entry)
    if rest == '' then redis.call('ZADD', KEYS[2], 'GT', seen, at .. ' ') end
  end
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[5])) do
  local forgotten = string.match(entry, '^(%S+) $')
  if forgotten then
    redis.call('HDEL', KEYS[1], forgotten)
    redis.call('ZREM', KEYS[2], entry)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return removed
`,
  leave: `--[[ leave.lua: gives up an instance's place in its group's ring. The group stays known, so that its absence shows in receipts.
  KEYS[1] the channel's members (see publish.lua)
  KEYS[2] when each place was stamped (see join.lua)
  ARGV[1] group
  ARGV[2] instance id, 16 hex digits
  Returns 1 when the instance had a place, else 0
]]
local PLACE, ID = 18, 16
local ring = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local rest = {}
for i = 1, #ring, PLACE do
  if string.sub(ring, i, i + ID - 1) ~= ARGV[2] then rest[#rest + 1] = string.sub(ring, i, i + PLACE - 1) end
end
redis.call('ZREM', KEYS[2], ARGV[1] .. ' ' .. ARGV[2])
if #rest * PLACE == #ring then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], table.concat(rest))
if #rest == 0 then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1] .. ' ')
end
return 1
`,
  publish: `--[[ publish.lua: publishes what one turn produced on one channel: to whoever listens to all of it, and to one member of each group.
  KEYS[1]  the channel's members: a hash, group -> its ring. A ring is its places one after the other,
           18 characters each: the instance's id (16 hex digits) and the newest frame version it reads (2 hex digits)
  ARGV[1]  channel, for example belfry:orders.placed
  ARGV[2]  1: publish each event on the public channel too; 0: do not
  ARGV[3]  turn: a whole number that the publisher counts up by one per event; it says whose turn it is in every ring
  ARGV[4], ARGV[5], and so on: for each event two values, the CRC-32 of its key (empty: it has no key) and its envelope
  Returns  how many received the broadcast, then for each known group its name and 1 (one member received) or 0

  Several events travel as one frame, a JSON text sequence (RFC 7464); a lone event travels as itself.
  Nothing is written unless a dead place is dropped, so this works while Redis is out of memory, and leaves no trace in AOF.
]]
local PLACE, ID = 18, 16
local channel, turn = ARGV[1], tonumber(ARGV[3])
local base = 'belfry:{' .. channel .. '}:'
-- Read first: should this key hold something else, the call is refused before anybody has received anything.
local rings = redis.call('HGETALL', KEYS[1])

-- include drop
-- Takes dead places out of a group's ring.
local function drop(group, ring, dead)
  local rest = {}
  for i = 1, #ring, PLACE do
    if not dead[string.sub(ring, i, i + ID - 1)] then rest[#rest + 1] = string.sub(ring, i, i + PLACE - 1) end
  end
  redis.pcall('HSET', KEYS[1], group, table.concat(rest)) -- out of memory: the place stays, and is passed over again
end
-- end of drop

-- A lone event without a key. It comes before what only the others need, because Redis makes a script's functions anew in each call.
-- The members are asked one after the other, beginning with the one whose turn it is.
if #ARGV == 5 and ARGV[4] == '' then
  local event = ARGV[5]
  if ARGV[2] == '1' then redis.call('PUBLISH', channel, event) end
  local receipt = { redis.call('PUBLISH', base .. 'all', event) }
  for i = 1, #rings, 2 do
    local group, ring, received, dead = rings[i], rings[i + 1], 0, nil
    local inbox, members = base .. 'inbox:' .. group .. ':', #ring / PLACE
    if members % 1 > 0 then members = 0 end -- it is nobody's ring
    for try = 0, members - 1 do
      local at = (turn + try) % members * PLACE
      local member = string.sub(ring, at + 1, at + ID)
      received = redis.call('SPUBLISH', inbox .. member, event)
      if received > 0 then break end
      dead = dead or {}
      dead[member] = true
    end
    if received > 0 and dead then drop(group, ring, dead) end
    receipt[#receipt + 1] = group
    receipt[#receipt + 1] = received > 0 and 1 or 0
  end
  return receipt
end

-- include ring
-- The messages of this call, and the CRC-32 of the key of each or false. \`first\` is where they begin among the arguments.
local function messages_from(first)
  local messages, keys = {}, {}
  for i = first, #ARGV, 2 do
    keys[#keys + 1] = tonumber(ARGV[i]) or false
    messages[#messages + 1] = ARGV[i + 1]
  end
  return messages, keys
end

local function frame(list)
  if #list == 1 then return list[1] end
  return '\\30' .. table.concat(list, '\\n\\30') .. '\\n'
end

-- Rendezvous hashing: the member with the highest score has the key. Products stay below 2^53, where Lua's numbers are exact.
local function score(key, number)
  local h = bit.bxor(key, number) % 4294967296
  h = (h * 1597333) % 4294967291
  h = bit.bxor(h, bit.rshift(h, 15)) % 4294967296
  return (h * 2039213) % 4294967279
end

-- Answers for the keys of one set of members: which of them has it.
local function owners(members)
  local numbers, known = {}, {}
  for i, member in ipairs(members) do numbers[i] = tonumber(string.sub(member, 1, 8), 16) or 0 end
  return function(key)
    if known[key] then return known[key] end
    local best, highest = 1, -1
    for i, number in ipairs(numbers) do
      local s = score(key, number)
      if s > highest then best, highest = i, s end
    end
    known[key] = best
    return best
  end
end

-- The members of a ring: none when it is nobody's ring.
local function members_of(ring)
  local members = {}
  if #ring % PLACE > 0 then return members end
  for i = 1, #ring, PLACE do members[#members + 1] = string.sub(ring, i, i + ID - 1) end
  return members
end

-- Gives a lone message to the connected member that has its key, and returns who that is. The places of those who have a higher
-- score but are not connected are dropped.
local function deal_one(message, key, group, ring, inbox, members)
  local dead = {}
  while #members > 0 do
    local at = owners(members)(key)
    if redis.call('SPUBLISH', inbox .. members[at], message) > 0 then
      if next(dead) then drop(group, ring, dead) end
      return members[at]
    end
    dead[members[at]] = true
    table.remove(members, at)
  end
end

-- The connected ones among a group's members. If there is one, the places of the others are dropped.
local function living_of(group, ring, inbox, members)
  local inboxes, living, dead = {}, {}, {}
  if #members == 0 then return living end
  for i, member in ipairs(members) do inboxes[i] = inbox .. member end
  local counts = redis.call('PUBSUB', 'SHARDNUMSUB', unpack(inboxes))
  for i, member in ipairs(members) do
    if counts[i * 2] > 0 then living[#living + 1] = member else dead[member] = true end
  end
  if #living > 0 and next(dead) then drop(group, ring, dead) end
  return living
end

-- Deals messages out over members: by key, else by turn, and to each all of its own at once. Returns for each message who has it.
local function deal_out(messages, keys, turn, inbox, members)
  local hands, chosen, owner = {}, {}, owners(members)
  for i, message in ipairs(messages) do
    local at = keys[i] and owner(keys[i]) or (turn + i - 1) % #members + 1
    local hand = hands[at]
    if hand then hand[#hand + 1] = message else hands[at] = { message } end
    chosen[i] = members[at]
  end
  for at, hand in pairs(hands) do redis.call('SPUBLISH', inbox .. members[at], frame(hand)) end
  return chosen
end
-- end of ring

local events, keys = messages_from(4)
local whole = frame(events)

local function deal(group, ring)
  local inbox, members = base .. 'inbox:' .. group .. ':', members_of(ring)
  if #members == 1 then return redis.call('SPUBLISH', inbox .. members[1], whole) > 0 and 1 or 0 end
  if #events == 1 then return deal_one(whole, keys[1], group, ring, inbox, members) and 1 or 0 end
  -- A burst: find out who lives before anything is dealt, so that nobody gets an earlier event after a later one.
  local living = living_of(group, ring, inbox, members)
  if #living == 0 then return 0 end
  deal_out(events, keys, turn, inbox, living)
  return 1
end

-- One listener decides for the whole call: nobody can subscribe while a script runs.
if ARGV[2] == '1' and redis.call('PUBLISH', channel, events[1]) > 0 then
  for i = 2, #events do redis.call('PUBLISH', channel, events[i]) end
end
local receipt = { redis.call('PUBLISH', base .. 'all', whole) }
for i = 1, #rings, 2 do
  receipt[#receipt + 1] = rings[i]
  receipt[#receipt + 1] = deal(rings[i], rings[i + 1])
end
return receipt
`,
  work: `--[[ work.lua: settles deliveries of an instance, then gives it up to so many entries of a durable log: the next of a key whose turn has come
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
`,
};
