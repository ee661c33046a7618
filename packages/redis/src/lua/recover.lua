#!lua flags=allow-oom
--[[ recover.lua: publishes as publish.lua does, and keeps each event for broadcast subscribers that are away. Also while Redis is out of memory:
  what is kept is bounded, and an event that were published without being kept would be missed without a sign.
  KEYS[1]  the channel's members (see publish.lua)
  KEYS[2]  what is kept of the channel: a stream, belfry:{<channel>}:history (see below)
  ARGV[1]  channel
  ARGV[2]  1: publish each event on the public channel too; 0: do not
  ARGV[3]  turn (see publish.lua)
  ARGV[4]  milliseconds for which an event is kept
  ARGV[5]  how many events are kept, at most about
  ARGV[6], ARGV[7], and so on: for each event two values, the CRC-32 of its key (empty: it has no key) and its envelope
  Returns  as publish.lua: how many received the broadcast, then for each known group its name and 1 or 0

  Each envelope gets the id of its entry as the attribute `cursor`, in front of everything else.
]]
local PLACE, ID = 18, 16
local channel, turn = ARGV[1], tonumber(ARGV[3])
local TELL = 'PUBLISH' -- what reaches whoever listens to all of the channel; on a Cluster: 'SPUBLISH'
local base = 'belfry:{' .. channel .. '}:'
-- Read first: should one of the keys hold something else, the call is refused before anybody has received anything.
local rings = redis.call('HGETALL', KEYS[1])
-- include history
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
-- end of history

local age, count = tonumber(ARGV[4]), tonumber(ARGV[5])
local events = {}
for i = 7, #ARGV, 2 do
  local event = ARGV[i]
  keep('e', event, 1, age, count)
  if string.sub(event, 1, 2) == '{"' then event = '{"cursor":"' .. cursor_of(number) .. '",' .. string.sub(event, 2) end
  events[#events + 1] = event
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
-- A lone event without a key comes before what only the others need: see publish.lua.
if #events == 1 and ARGV[6] == '' then
  local event = events[1]
-- include lone
  -- The members are asked one after the other, beginning with the one whose turn it is.
  if ARGV[2] == '1' then redis.call('PUBLISH', channel, event) end
  local receipt = { redis.call(TELL, base .. 'all', event) }
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
-- end of lone
end

-- include ring
-- The messages of this call, and the CRC-32 of the key of each or false. `first` is where they begin among the arguments.
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
  return '\30' .. table.concat(list, '\n\30') .. '\n'
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
  local first = #members > 0 and members[owners(members)(key)]
  if not first or redis.call('SPUBLISH', inbox .. first, message) > 0 then return first or nil end
  -- It is not connected: the others, the highest score first. There may be many, and scores are not cheap.
  local dead, place, scores, rest = { [first] = true }, {}, {}, {}
  for i, member in ipairs(members) do
    if member ~= first and not place[member] then
      rest[#rest + 1], place[member], scores[member] = member, i, score(key, tonumber(string.sub(member, 1, 8), 16) or 0)
    end
  end
  table.sort(rest, function(a, b)
    if scores[a] == scores[b] then return place[a] < place[b] end
    return scores[a] > scores[b]
  end)
  for _, member in ipairs(rest) do
    if redis.call('SPUBLISH', inbox .. member, message) > 0 then
      drop(group, ring, dead)
      return member
    end
    dead[member] = true
  end
end

-- The connected ones among a group's members. If there is one, the places of the others are dropped.
local function living_of(group, ring, inbox, members)
  local living, dead = {}, {}
  for from = 1, #members, 1000 do -- as many at a time as Lua can hand over
    local inboxes = {}
    for i = from, math.min(from + 999, #members) do inboxes[#inboxes + 1] = inbox .. members[i] end
    local counts = redis.call('PUBSUB', 'SHARDNUMSUB', unpack(inboxes))
    for i = 1, #inboxes do
      local member = members[from + i - 1]
      if counts[i * 2] > 0 then living[#living + 1] = member else dead[member] = true end
    end
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
local _, keys = messages_from(6)

-- include publish
local whole = frame(events)

local function deal(group, ring)
  local inbox, members = base .. 'inbox:' .. group .. ':', members_of(ring)
  if #members == 1 then return redis.call('SPUBLISH', inbox .. members[1], whole) > 0 and 1 or 0 end
  if #events == 1 and keys[1] then return deal_one(whole, keys[1], group, ring, inbox, members) and 1 or 0 end
  -- A burst: find out who lives before anything is dealt, so that nobody gets an earlier event after a later one.
  local living = living_of(group, ring, inbox, members)
  if #living == 0 then return 0 end
  deal_out(events, keys, turn, inbox, living)
  return 1
end

-- One listener decides for the whole call: nobody can subscribe while a script runs. On a Cluster one may listen at another node.
if ARGV[2] == '1' and (redis.call('PUBLISH', channel, events[1]) > 0 or TELL == 'SPUBLISH') then
  for i = 2, #events do redis.call('PUBLISH', channel, events[i]) end
end
local receipt = { redis.call(TELL, base .. 'all', whole) }
for i = 1, #rings, 2 do
  receipt[#receipt + 1] = rings[i]
  receipt[#receipt + 1] = deal(rings[i], rings[i + 1])
end
return receipt
-- end of publish
