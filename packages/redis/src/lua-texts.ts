// Made by `npm run lua` from lua/*.lua: change those.

export const luaTexts = {
  append: `--[[ append.lua: appends what one turn published on one durable channel to its log, wakes one waiting instance of each group, and tells
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
  redis.call(TELL, base .. 'all', '\\30' .. table.concat(bodies, '\\n\\30', 2) .. '\\n')
end

if sent then
  local from = tonumber(sent[2] or 1)
  for old = from, heard do redis.call('HDEL', SENT, old) end
  redis.call('HSET', SENT, 'last', batch, 'from', math.max(from, heard + 1), batch, table.concat(entries, ' ') .. ' ')
  redis.call('PEXPIRE', SENT, 3600000)
end
return { listeners, entries, groups(bells, rings), total }
`,
  ask: `--[[ ask.lua: gives each request that one turn asks on one channel to one member of the group that answers.
  KEYS[1]  the channel's members (see publish.lua)
  ARGV[1]  channel, for example belfry:pricing.quote/request
  ARGV[2]  turn: a whole number that the asker counts up by one per request; it says whose turn it is
  ARGV[3]  how many requests there are
  ARGV[4]  for each request the CRC-32 of its key, or nothing if it has no key, and a comma; empty: none of them has a key
  ARGV[5]  the requests: a lone one as itself, several as a frame, which is a JSON text sequence (RFC 7464)
  Returns  who received them: '' and nothing more: nobody; '' and <group>/<instance id>: this member received all of them; else for each
           request the place of who received it among what follows, from 1, separated by commas; then those members

  One group answers; should there be several, it is the first by name that has a connected member.
  Several requests to one member travel as one frame; a lone request travels as itself.
  Nothing is written unless a dead place is dropped, so this works while Redis is out of memory, and leaves no trace in AOF.
]]
local PLACE, ID = 18, 16
local turn, count = tonumber(ARGV[2]), tonumber(ARGV[3])
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
if count == 1 and ARGV[4] == '' then
  for i = 1, #rings, 2 do
    local group, ring, dead = rings[i], rings[i + 1], nil
    local inbox, members = base .. group .. ':', #ring / PLACE
    if members % 1 > 0 then members = 0 end -- it is nobody's ring
    for try = 0, members - 1 do
      local at = (turn + try) % members * PLACE
      local member = string.sub(ring, at + 1, at + ID)
      if redis.call('SPUBLISH', inbox .. member, ARGV[5]) > 0 then
        if dead then drop(group, ring, dead) end
        return { '', group .. '/' .. member }
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

-- The requests of the frame one by one, and the CRC-32 of the key of each or false.
local function requests_in(frame)
  local requests, keys, from = {}, {}, 2
  repeat
    local to = string.find(frame, '\\n\\30', from, true)
    requests[#requests + 1] = string.sub(frame, from, (to or #frame) - 1)
    from = to and to + 2
  until not to
  for key in string.gmatch(ARGV[4], '(%d*),') do keys[#keys + 1] = tonumber(key) or false end
  return requests, keys
end

-- Says who received each of several.
local function answer(group, chosen)
  local places, place, answers = {}, {}, { '' }
  for i, member in ipairs(chosen) do
    if not place[member] then
      answers[#answers + 1] = group .. '/' .. member
      place[member] = #answers - 1
    end
    places[i] = place[member]
  end
  answers[1] = table.concat(places, ',')
  return answers
end

for i = 1, #rings, 2 do
  local group, ring = rings[i], rings[i + 1]
  local inbox, members = base .. group .. ':', members_of(ring)
  if count == 1 then
    local member = deal_one(ARGV[5], tonumber(string.match(ARGV[4], '%d+')), group, ring, inbox, members)
    if member then return { '', group .. '/' .. member } end
  else
    local living = #members == 1 and members or living_of(group, ring, inbox, members)
    if #living == 1 then
      if redis.call('SPUBLISH', inbox .. living[1], ARGV[5]) > 0 then return { '', group .. '/' .. living[1] } end
    elseif #living > 1 then
      local requests, keys = requests_in(ARGV[5])
      return answer(group, deal_out(requests, keys, turn, inbox, living))
    end
  end
end
return { '' }
`,
  audience: `--[[ audience.lua: who would receive an event that is published now. Publishes nothing.
  KEYS[1] the channel's members (see publish.lua)
  ARGV[1] channel
  Returns how many instances listen to the broadcast, then for each known group its name and how many of its members are connected
]]
local PLACE, ID = 18, 16
local TELL = 'PUBLISH' -- what reaches whoever listens to all of the channel; on a Cluster: 'SPUBLISH'
local base = 'belfry:{' .. ARGV[1] .. '}:'
local audience = { redis.call('PUBSUB', TELL == 'PUBLISH' and 'NUMSUB' or 'SHARDNUMSUB', base .. 'all')[2] }
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
  burst: `#!lua flags=allow-oom
--[[ burst.lua: publishes several events of one channel, which one turn produced, as publish.lua does; it gets them in one frame, and where it can passes it on as it is.
  KEYS[1]  the channel's members (see publish.lua)
  KEYS[2]  where the events are kept for broadcast subscribers that are away (see recover.lua): what is kept of the channel
  ARGV[1]  channel, for example belfry:orders.placed
  ARGV[2]  1: publish each event on the public channel too; 0: do not
  ARGV[3]  turn: a whole number that the publisher counts up by one per event; it says whose turn it is in every ring
  ARGV[4]  the CRC-32 of the key of each event (nothing: it has no key), each followed by a comma; empty: none of them has a key
  ARGV[5]  a frame of version 2: a JSON text sequence (RFC 7464), in which {"shared":{…}} says what the envelopes after it have in common
           Where the events are kept: without its beginning, which is always \\30{"shared":{
  ARGV[6], ARGV[7], ARGV[8]  where they are kept: how many events there are, for how many milliseconds, and how many at most about
  Returns  as publish.lua: how many received the broadcast, then for each known group its name and 1 or 0

  The broadcast channel carries what everybody on it can read: who reads frames of version 2 listens to <broadcast channel>:02 as well, where nothing is
  ever said. Where others listen, too, every record is a whole envelope (version 1). What is kept carries its cursor: in a frame of version 2 what the
  first event's is stands with what is shared, and each event after it has the next number.
]]
local PLACE, ID = 18, 16
local channel, turn, frame_2 = ARGV[1], tonumber(ARGV[3]), ARGV[5]
local TELL = 'PUBLISH' -- what reaches whoever listens to all of the channel; on a Cluster: 'SPUBLISH'
local base = 'belfry:{' .. channel .. '}:'
-- Read first: should this key hold something else, the call is refused before anybody has received anything.
local rings = redis.call('HGETALL', KEYS[1])

-- What stands in front of an event as an envelope of its own.
local function front() return '{' end
if ARGV[6] then
-- include history
-- What is kept of the channel: a stream. The id of an entry is <milliseconds>-<number>, and the numbers go up by one per event: that of an entry is
-- the number of its last event. A lone event is its field e, an envelope; several are its field f, a frame of version 2 without its beginning, which
-- is always the same. A hash beside it remembers the newest id, and where each eighth of \`count\` events begins: to read a large entry only for its id
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
  local events, first = tonumber(ARGV[6]), number
  keep('f', ARGV[5], events, tonumber(ARGV[7]), tonumber(ARGV[8]))
  front = function(i) return '{"cursor":"' .. cursor_of(first + i) .. '",' end
  frame_2 = '\\30{"shared":' .. front(1) .. ARGV[5]
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

-- include apart
-- Takes a frame of version 2 apart: what is each event's own, and what it shares with others, both without the brace in front of them.
local function take_apart(frame)
  local own, shared, at, head = {}, {}, 1, ''
  while at < #frame do
    local stop = string.find(frame, '\\n\\30', at, true) or #frame
    if string.sub(frame, at, at + 10) == '\\30{"shared":' then
      head = string.gsub(string.sub(frame, at + 12, stop - 3), '^"cursor":"[^"]*",', '') .. ','
    else own[#own + 1], shared[#own + 1] = string.sub(frame, at + 2, stop - 1), head end
    at = stop + 1
  end
  return own, shared
end
-- end of apart
-- Only where the frame cannot go on as it is.
local own, shared
local function need_apart()
  if not own then own, shared = take_apart(frame_2) end
end

-- What a member gets of these events, by the newest version of a frame that it reads. A lone event goes as itself.
local function frame_for(version, events)
  if #events == 1 then return front(events[1]) .. shared[events[1]] .. own[events[1]] end
  local parts, head = {}, nil
  for _, i in ipairs(events) do
    if version < '02' then
      parts[#parts + 1] = '\\30' .. front(i)
      parts[#parts + 1] = shared[i]
    else
      if shared[i] ~= head then parts[#parts + 1] = '\\30{"shared":{' .. string.sub(shared[i], 1, -2) .. '}}\\n' end
      head = shared[i]
      parts[#parts + 1] = '\\30{'
    end
    parts[#parts + 1] = own[i]
    parts[#parts + 1] = '\\n'
  end
  return table.concat(parts)
end

local function deal(group, ring)
  local inbox, members = base .. 'inbox:' .. group .. ':', members_of(ring)
  if #members == 1 and string.sub(ring, ID + 1) >= '02' then
    return redis.call('SPUBLISH', inbox .. members[1], frame_2) > 0 and 1 or 0
  end
  -- Find out who lives before anything is dealt, so that nobody gets an earlier event after a later one.
  local living = living_of(group, ring, inbox, members)
  if #living == 0 then return 0 end
  need_apart()
  local versions, hands, owner = {}, {}, owners(living)
  for i = 1, #ring, PLACE do versions[string.sub(ring, i, i + ID - 1)] = string.sub(ring, i + ID, i + PLACE - 1) end
  local keys = string.gmatch(ARGV[4], '(%d*),')
  for i = 1, #own do
    local key = tonumber(keys() or '')
    local at = key and owner(key) or (turn + i - 1) % #living + 1
    local hand = hands[at]
    if hand then hand[#hand + 1] = i else hands[at] = { i } end
  end
  for at, hand in pairs(hands) do
    redis.call('SPUBLISH', inbox .. living[at], frame_for(versions[living[at]], hand))
  end
  return 1
end

-- Whoever listens now decides for the whole call: nobody can subscribe while a script runs.
local all = base .. 'all'
local listening, by_pattern
if TELL == 'PUBLISH' then
  listening = redis.call('PUBSUB', 'NUMSUB', all, all .. ':02', channel)
  by_pattern = redis.call('PUBSUB', 'NUMPAT') > 0
else listening = redis.call('PUBSUB', 'SHARDNUMSUB', all, all .. ':02') end
local receipt = { 0 }
-- On a Cluster somebody may listen to the public channel at another node: there it is always published on.
if ARGV[2] == '1' and (by_pattern or not listening[6] or listening[6] > 0) then
  need_apart()
  for i = 1, #own do redis.call('PUBLISH', channel, front(i) .. shared[i] .. own[i]) end
end
if not by_pattern and listening[2] == listening[4] then
  if listening[2] > 0 then receipt[1] = redis.call(TELL, all, frame_2) end
else
  need_apart()
  local every = {}
  for i = 1, #own do every[i] = i end
  receipt[1] = redis.call(TELL, all, frame_for('01', every))
end
for i = 1, #rings, 2 do
  receipt[#receipt + 1] = rings[i]
  receipt[#receipt + 1] = deal(rings[i], rings[i + 1])
end
return receipt
`,
  cancel: `--[[ cancel.lua: calls a delayed event off.
  KEYS[1] the log (see append.lua)
  ARGV[1] the id of its envelope
  Returns 1; 0 when it is not delayed any more, or never was
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
local id = ARGV[1]
local delayed = redis.call('ZSCORE', LATER, id)
if not delayed or tonumber(delayed) <= now then return 0 end
redis.call('ZREM', LATER, id)
redis.call('HDEL', BODIES, id)
redis.call('DEL', base .. 'id:' .. id)
return 1
`,
  group: `#!lua flags=allow-oom
--[[ group.lua: makes a group of a durable log, unless it is there. Also while Redis is out of memory: groups work off what
  fills it.
  KEYS[1] the log (see append.lua, and work.lua for what belongs to a group)
  ARGV[1] group
  ARGV[2] start: it begins with everything that is in the log; now: with what comes from now on
  Returns 1 when it was made, 0 when it was there
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
local group, from = ARGV[1], ARGV[2]
look_at(ABOUT, BELLS)
local total = number(redis.call('HGET', ABOUT, 'count'))
local made = redis.pcall('XGROUP', 'CREATE', LOG, group, from == 'now' and '$' or '0', 'MKSTREAM')
if type(made) == 'table' and made.err then
  if not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
  redis.call('HSETNX', BELLS, group, '')
  return 0
end
local ordinal = total
local first = from ~= 'now' and redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
if first then
  for i = 1, #first[2], 2 do
    if first[2][i] == 'n' then ordinal = (ordinal_in(first[2][i + 1], total) or total + 1) - 1 end -- a stranger's says nothing
  end
end
redis.call('HSETNX', BELLS, group, '')
redis.call('HSET', base .. 'state:' .. group, 'ordinal', ordinal, 'at', string.format('%.0f', now))
return 1
`,
  history: `--[[ history.lua: reads what is kept of a channel (see recover.lua).
  KEYS[1] the stream
  ARGV[1] the entry after which to read; empty: none is read
  ARGV[2] how many events to read, about
  ARGV[3] how many bytes to read, about
  Returns the id of the newest entry ('': nothing is kept), and for each event read its cursor, <milliseconds>-<number>, and its envelope
]]
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local found, size, after, left = {}, 0, ARGV[1], tonumber(ARGV[2])

local function add(cursor, event)
  found[#found + 1] = { cursor, event }
  left, size = left - 1, size + #event
end

-- include apart
-- Takes a frame of version 2 apart: what is each event's own, and what it shares with others, both without the brace in front of them.
local function take_apart(frame)
  local own, shared, at, head = {}, {}, 1, ''
  while at < #frame do
    local stop = string.find(frame, '\\n\\30', at, true) or #frame
    if string.sub(frame, at, at + 10) == '\\30{"shared":' then
      head = string.gsub(string.sub(frame, at + 12, stop - 3), '^"cursor":"[^"]*",', '') .. ','
    else own[#own + 1], shared[#own + 1] = string.sub(frame, at + 2, stop - 1), head end
    at = stop + 1
  end
  return own, shared
end
-- end of apart
-- Several events in a frame of version 2, of which the last has the number of the entry. Those up to \`behind\` were read before.
local function add_frame(at, last, frame, behind)
  local own, shared = take_apart(frame)
  for i, event in ipairs(own) do
    local n = last - #own + i
    if n > behind then add(string.format('%s-%.0f', at, n), '{' .. shared[i] .. event) end
  end
end

while newest and after ~= '' and left > 0 and size < tonumber(ARGV[3]) do
  local part = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', math.min(left, 16))
  if #part == 0 then break end
  for _, entry in ipairs(part) do
    local at, last = string.match(entry[1], '(%d+)-(%d+)')
    local after_at, behind = string.match(after, '(%d+)-(%d+)')
    local fields = {}
    for i = 1, #(entry[2] or {}), 2 do fields[entry[2][i]] = entry[2][i + 1] end
    if fields.f then add_frame(at, tonumber(last), '\\30{"shared":{' .. fields.f, at == after_at and tonumber(behind) or 0)
    else add(entry[1], fields.e or '') end
    after = entry[1]
    if left <= 0 or size >= tonumber(ARGV[3]) then break end
  end
end
return { newest and newest[1] or '', found }
`,
  join: `#!lua flags=allow-oom
--[[ join.lua: takes an instance's place in its group's ring, or stamps the place that it has, or leaves it to others for a while. Clears away what
  is stale.
  Also while Redis is out of memory: a service that starts again then works off what fills it.
  KEYS[1] the channel's members (see publish.lua)
  KEYS[2] when each place was stamped: a sorted set, score = milliseconds of Redis's own clock,
          member = '<group> <instance id>', or '<group> ' for a group that has lost its last place
  ARGV[1] group
  ARGV[2] instance id, 16 hex digits
  ARGV[3] newest frame version that the instance reads, 2 hex digits
  ARGV[4] milliseconds after which a place without a stamp is removed
  ARGV[5] milliseconds for which a group without places stays known
  ARGV[6] 1: leaves its place to the other connected members of the group for a while, as long as there are any; else 0
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

local function has_listener(ring)
  local inbox = string.sub(KEYS[1], 1, -8) .. 'inbox:' .. group .. ':'
  for i = 1, #ring, PLACE do
    if redis.call('PUBSUB', 'SHARDNUMSUB', inbox .. string.sub(ring, i, i + ID - 1))[2] > 0 then return true end
  end
end

-- Who was away for as long as the others were (everybody's machine slept, or Redis's clock was put forward) cannot say yet that they are gone.
local before = redis.call('ZSCORE', KEYS[2], group .. ' ' .. id)
local knows = ARGV[6] ~= '1' and (not before or now - before < tonumber(ARGV[4])) -- who stands aside has no stamp to compare with
redis.call('ZADD', KEYS[2], now, group .. ' ' .. id)
redis.call('ZREM', KEYS[2], group .. ' ')
local ring = redis.call('HGET', KEYS[1], group) or ''
if #ring % PLACE ~= 0 then ring = '' end -- no ring: the members take their places again
local kept = without(ring, id)
if ARGV[6] == '1' and has_listener(kept) then
  if #kept < #ring then redis.call('HSET', KEYS[1], group, kept) end
  redis.call('ZREM', KEYS[2], group .. ' ' .. id)
elseif #kept == #ring or not string.find(ring, place, 1, true) then
  redis.call('HSET', KEYS[1], group, kept .. place)
end

local removed = 0
for _, entry in ipairs(knows and redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[4]) or {}) do
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
local had_place = #rest * PLACE < #ring
if had_place then
  redis.call('HSET', KEYS[1], ARGV[1], table.concat(rest))
  if #rest == 0 then
    local time = redis.call('TIME')
    redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1] .. ' ')
  end
end
-- Last: a sorted set that is empty for a moment is gone, and the time at which it expires with it.
redis.call('ZREM', KEYS[2], ARGV[1] .. ' ' .. ARGV[2])
return had_place and 1 or 0
`,
  mature: `#!lua flags=allow-oom
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
`,
  primary: `#!lua flags=allow-oom,allow-stale
--[[ primary.lua: does nothing. It does not say that it writes nothing, so a replica refuses it (READONLY), and a primary does not, even out of memory.
  Returns 1
]]
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
local TELL = 'PUBLISH' -- what reaches whoever listens to all of the channel; on a Cluster: 'SPUBLISH'
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
if #ARGV == 5 and ARGV[4] == '' then
  local event = ARGV[5]
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

local events, keys = messages_from(4)
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
`,
  read: `#!lua flags=allow-oom
--[[ read.lua: reads a durable log for somebody who shares it with nobody. Also while Redis is out of memory: what is delayed is only moved.
  KEYS[1] the log (see append.lua)
  ARGV[1] the entry after which to read; empty: from the end of the log, which gives none
  ARGV[2] the epoch that the reader knows; empty: none. In another one it reads from the beginning: the log it knew is gone
  ARGV[3] how many entries to read, at most
  Returns the epoch ('': nothing was ever appended); how many were ever appended; in how many milliseconds the next delayed event is due ('': none is); the last entry of
          the log, or '0-0'; and for each entry its id, n (which entry it is), the envelope, its key after a '=' ('': it has none), and the group that it
          is for alone ('': for everybody)
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
local epoch = redis.call('HGET', ABOUT, 'epoch') or ''
local entries = {}
local after = ARGV[1]
if after ~= '' and ARGV[2] ~= '' and ARGV[2] ~= epoch then after = '0-0' end
if after ~= '' then
  for _, each in ipairs(redis.call('XRANGE', LOG, '(' .. after, '+', 'COUNT', ARGV[3])) do
    local of = {}
    for i = 1, #(each[2] or {}), 2 do of[each[2][i]] = each[2][i + 1] end
    entries[#entries + 1] = { each[1], of.n or '', of.e or '', of.k and '=' .. of.k or '', of.g or '' }
  end
end
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
return {
  epoch, number(redis.call('HGET', ABOUT, 'count')), next_delayed and string.format('%.0f', math.max(0, next_delayed - now)) or '', last and last[1] or '0-0', entries,
}
`,
  recover: `#!lua flags=allow-oom
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

  Each envelope gets the id of its entry as the attribute \`cursor\`, in front of everything else.
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
-- is always the same. A hash beside it remembers the newest id, and where each eighth of \`count\` events begins: to read a large entry only for its id
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
`,
  remove: `--[[ remove.lua: removes a group of a durable log, with everything that belongs to it. Not while it has members.
  KEYS[1] the log (see append.lua, and work.lua for what belongs to a group)
  ARGV[1] group
  Returns -1: there is no such group; 0: it is removed; else how many members it has, and it stays
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
local group = ARGV[1]
local ring_of, members = redis.call('HGET', base .. 'members', group) or '', 0
for at = 1, #ring_of, 18 do
  local inbox = base .. 'inbox:' .. group .. ':' .. string.sub(ring_of, at, at + 15)
  if redis.call('PUBSUB', 'SHARDNUMSUB', inbox)[2] > 0 then members = members + 1 end
end
if members > 0 then return members end
local destroyed = redis.pcall('XGROUP', 'DESTROY', LOG, group)
local known = redis.call('HDEL', BELLS, group)
if destroyed ~= 1 and known == 0 then return -1 end
for _, key in ipairs(redis.call('HKEYS', base .. 'busy:' .. group)) do redis.call('DEL', base .. 'lane:' .. group .. ':' .. key) end
for _, name in ipairs({ 'work:', 'rest:', 'due:', 'busy:', 'seen:', 'state:', 'dead:' }) do redis.call('DEL', base .. name .. group) end
redis.call('HDEL', base .. 'members', group)
return 0
`,
  replay: `--[[ replay.lua: appends dead letters of a group to the log again, for this group alone.
  KEYS[1] the log (see append.lua, and work.lua for what belongs to a group)
  ARGV[1] group
  ARGV[2], and so on: ids of dead letters
  Returns how many were there
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
local group, DEAD = ARGV[1], base .. 'dead:' .. ARGV[1]
local letters = {}
for i = 2, #ARGV do
  local letter = redis.call('XRANGE', DEAD, ARGV[i], ARGV[i])[1]
  if letter then letters[#letters + 1] = letter end
end
if #letters == 0 then return 0 end
look_at(ABOUT, BELLS)
take_ordinals(#letters)
for _, letter in ipairs(letters) do
  local of = {}
  for i = 1, #letter[2], 2 do of[letter[2][i]] = letter[2][i + 1] end
  add(of.e or '', of.k, group)
  redis.call('XDEL', DEAD, letter[1])
end
ring(group, redis.call('HGET', BELLS, group) or '')
return #letters
`,
  tend: `#!lua flags=allow-oom
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
`,
  work: `#!lua flags=allow-oom
--[[ work.lua: settles deliveries of a group, then gives an instance up to so many entries of a durable log: the next of a key whose turn has
  come by that, then what is due, then what is new. It is packages/core/src/durable/group.ts in Lua. It also runs while Redis is out of
  memory: to handle what is there is what frees it.
  KEYS[1] the log (see append.lua); the group is a group of the stream. Its consumers are the holders: what a consumer has pending its holder
          has by the first delivery of an entry without a key, of which nothing else is written down. Everything else that was read and is not
          done with is pending for the consumer 'belfry', and stands in what belongs to the group and hangs on the same hash tag:
          work:<group>   a hash, entry -> '<attempts> <token> <holder> <when the first attempt began> =<key, if it has one>': what somebody
                         holds else
          rest:<group>   the same of what nobody holds, because it waits for another attempt or for anybody
          due:<group>    a sorted set of the latter, score = the time to try them, in milliseconds
          busy:<group>   a hash, key -> its one entry that is in \`work\` or \`rest\`
          lane:<group>:<key>   a list of what waits behind that, in order
          seen:<group>   a sorted set of the holders that hold something, score = their last sign of life
          state:<group>  a hash: token, the last one given; parked, how many wait behind their key; ordinal, which entry of the log was
                         read last; lost, how many were gone before they were done with; at, when somebody last asked
          once:<group>:<id>    a message that the group has completed; it expires
          done:<group>:<token> a commit that was accepted; it expires
          dead:<group>   the dead letters: a stream
  ARGV[1] group
  ARGV[2] instance id: where the doorbell is to ring
  ARGV[3] holder: in whose name entries are held, '<instance id>.<term>'
  ARGV[4] how many deliveries the instance has in its hands
  ARGV[5] room: how many entries it would take
  ARGV[6] a holder that has given no sign of life for so many milliseconds has lost what it held
  ARGV[7] so many entries may wait behind others of their key; then nothing more is read until some of them are done
  ARGV[8] 1: drop messages that the group has completed before
  ARGV[9] terms of the instance that have ended, each followed by a space; what they hold is given back…
  ARGV[10] …except for these deliveries, each as its entry's id and its token, each of them followed by a space: the holder has them from now on
  ARGV[11] for tests: milliseconds now
  ARGV[12] how many deliveries were handled, and that is all
  ARGV[13], and so on: for each of these its entry's id and its token; then for each other delivery that is settled five values, the entry's id,
          its token, what became of it, and what belongs to that:
          done: milliseconds to remember it, a space, and its message's id (empty: it is not remembered); commands, as JSON (empty: none)
          retry: after how many milliseconds; release: it was not tried to the end, and counts as no attempt; dead: code, message
  Returns in how many milliseconds the next entry is due ('': none waits); 1 when there is more that could be given at once; 1 when the holder
          had lost what it held; how many entries this call found lost; how many it dropped as completed; the log's epoch; how many were ever appended to it; the tokens that were refused;
          the tokens that the holder has from former terms; for each commit that was refused its token and the reason; the token of the first
          new delivery, the others have those that follow; for each new delivery two values, the entry's id and the envelope; and for those of
          them that are not the first attempt, or have a key, three: which of them it is, from 1, the attempt, and the key after a '=' ('': none)
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

-- Rings at an instance of the group that waits for work, and not at \`besides\`. Returns whether one heard it.
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
local group, instance, holder = ARGV[1], ARGV[2], ARGV[3]
local holding, room, claim_after, max_parked = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local once = ARGV[8] == '1'
now = tonumber(ARGV[11]) or now
local now_text = string.format('%.0f', now)
local FIRST_OTHER = 13 + 2 * ARGV[12]
local WORK, REST, DUE = base .. 'work:' .. group, base .. 'rest:' .. group, base .. 'due:' .. group
local BUSY = base .. 'busy:' .. group
local SEEN, STATE, DEAD = base .. 'seen:' .. group, base .. 'state:' .. group, base .. 'dead:' .. group
local LANES, ONCE, DONE = base .. 'lane:' .. group .. ':', base .. 'once:' .. group .. ':', base .. 'done:' .. group .. ':'
-- Whose is what nobody has by a first delivery.
local NOBODY = 'belfry'
-- Deliveries, as they are returned, and how many; which of them are not plain; what is written down of them; entries with a key that were read;
-- entries to be forgotten.
local given, count, notes, written, keyed, finished = {}, 0, {}, {}, {}, {}
local lost, repeated = 0, 0
local state = redis.call('HMGET', STATE, 'token', 'parked', 'lost', 'ordinal')
look_at(ABOUT)
local works, rests = redis.call('HLEN', WORK), redis.call('HLEN', REST)
if redis.call('HLEN', BUSY) == 0 then state[2] = 0 end -- then nothing waits behind its key
-- Tokens are never given twice, not even by a Redis that has lost its last writes: they follow the clock where the counter is behind, or is
-- beyond what can be counted.
local token = number(state[1])
if token < now * 1000 or token > 2 ^ 52 then token = now * 1000 end
local parked, lost_before = number(state[2]), number(state[3])

-- What is written down of an entry; nothing where a stranger has written.
local function parse(text)
  local attempts, its_token, its_holder, first, key = string.match(text, '^(%d+) (%d+) (%S+) (%d+) ?=?(.*)$')
  return attempts and {
    attempts = tonumber(attempts), token = its_token, holder = its_holder, first = first,
    key = string.find(text, ' =', 1, true) and key or nil,
  }
end

local function text_of(entry)
  return entry.attempts .. ' ' .. entry.token .. ' ' .. entry.holder .. ' ' .. entry.first .. (entry.key and ' =' .. entry.key or '')
end

-- Calls Redis with many arguments, as many at a time as Lua can hand over.
local function in_parts(list, call)
  for i = 1, #list, 1000 do call(unpack(list, i, math.min(i + 999, #list))) end
end

-- Forgets what is done with. Before anybody looks at all that is in work.
local function forget()
  in_parts(finished, function(...) redis.call('HDEL', WORK, ...) end)
  finished = {}
end

local function fresh(key) return { attempts = 0, token = '0', holder = '-', first = '0', key = key } end

-- The entry is acknowledged: the next of its key has its turn. Returns that.
local function pass_on(key)
  local following
  repeat
    following = redis.call('LPOP', LANES .. key)
    if not following then
      redis.call('HDEL', BUSY, key)
      return nil
    end
    parked = parked - 1
  until string.find(following, '^%d+%-%d+$') -- else a stranger has written it
  redis.call('HSET', BUSY, key, following)
  return following, fresh(key)
end

-- The envelope stands first, where Belfry has written the entry.
local function field(fields, name)
  if fields[1] == name then return fields[2] end
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return nil
end

-- The id of the message in an envelope: as Belfry writes it, or as JSON has it.
local function message_id(body)
  local id = string.match(body, '^{"specversion":"1%.0","source":"[^"\\\\]+","type":"[^"\\\\]+","dataversion":"%d+","datacontenttype":"application/json",'
    .. '"time":"[^"\\\\]+","id":"([^"\\\\]+)"') or string.match(body, '^{"specversion":"1%.0","id":"([^"\\\\]+)"')
  if id then return id end
  local fine, envelope = pcall(cjson.decode, body)
  return fine and type(envelope) == 'table' and type(envelope.id) == 'string' and envelope.id or nil
end

local function is_completed(body)
  local id = once and message_id(body)
  return id and redis.call('EXISTS', ONCE .. id) == 1
end

local function lookup(id)
  local found = redis.call('XRANGE', LOG, id, id)[1]
  return found and found[2]
end

-- Gives an entry to the holder; one that is gone or completed is done with, and the next of its key comes instead, if there is one.
-- Returns whether anything was given. fields: of the entry, where they are known already; is_first: it was read for the holder just now, and has
-- no key
local function give(id, entry, fields, is_first)
  while true do
    fields = fields or lookup(id)
    local body = fields and (field(fields, 'e') or '')
    if body and not is_completed(body) then
      count = count + 1
      given[count * 2 - 1], given[count * 2] = id, body
      local attempts, key = entry.attempts + 1, entry.key and '=' .. entry.key or ''
      if attempts > 1 or entry.key then
        local at = #notes
        notes[at + 1], notes[at + 2], notes[at + 3] = count, attempts, key
      end
      if not is_first then
        local at = #written
        written[at + 1] = id
        written[at + 2] = attempts .. ' ' .. string.format('%.0f', token + count) .. ' ' .. holder .. ' ' ..
          (attempts == 1 and now_text or entry.first) .. (entry.key and ' ' .. key or '')
      end
      return true
    end
    if body then repeated = repeated + 1 else lost = lost + 1 end
    redis.call('XACK', LOG, group, id)
    if not entry.key then return false end
    id, entry = pass_on(entry.key)
    if not id then return false end
    fields, is_first = nil, false
  end
end

-- What is written down of the entries that are settled: in work, and in rest.
local work_of, rest_of = {}, {}

-- These entries are pending for nobody from now on: they are written down.
local function disown(ids)
  for from = 1, #ids, 1000 do
    local part = { unpack(ids, from, math.min(from + 999, #ids)) }
    part[#part + 1] = 'JUSTID'
    redis.call('XCLAIM', LOG, group, NOBODY, 0, unpack(part))
  end
end

-- Nobody holds it: it is due at that time.
local function wait(id, entry, at)
  work_of[id], rest_of[id] = nil, true
  entry.holder = '-'
  redis.call('HDEL', WORK, id)
  redis.call('HSET', REST, id, text_of(entry))
  redis.call('ZADD', DUE, at, id)
  if entry.is_first then disown({ id }) end
end

local function run(commands)
  local fine, list = pcall(cjson.decode, commands)
  if not fine then return 'the commands are no JSON.' end
  for i, command in ipairs(list) do
    local answer = redis.pcall(unpack(command))
    if type(answer) == 'table' and answer.err then
      return 'Redis answered ' .. answer.err .. ' to command ' .. i .. ' of ' .. #list .. '.'
    end
  end
  return nil
end

local function bury(id, entry, code, message)
  local fields = lookup(id)
  if not fields then return end
  redis.call('XADD', DEAD, '*', 'id', id, 'e', field(fields, 'e') or '', 'attempts', entry.attempts, 'first', entry.first,
    'code', code, 'message', message, unpack(entry.key and { 'k', entry.key } or {}))
end

local function group_missing(answer) return type(answer) == 'table' and answer.err and string.find(answer.err, 'NOGROUP', 1, true) end

-- What of the log is pending for a holder, as XPENDING has it: id, consumer, milliseconds since it was delivered, how often. None without a group.
local function pending_of(name, from, to, most)
  local pending = redis.pcall('XPENDING', LOG, group, from, to, most, name)
  return pending.err and {} or pending
end

-- By its first delivery: its attempt began when it was delivered.
local function first_delivery(idle, name, its_token)
  return { attempts = 1, token = its_token, holder = name, first = string.format('%.0f', now - idle), is_first = true }
end

-- Writes down what a holder has by first deliveries, who is not to have it any longer. tokens: of those that are known
local function write_down(name, tokens)
  repeat
    local pending, ids = pending_of(name, '-', '+', 1000), {}
    for i, each in ipairs(pending) do
      local id = each[1]
      ids[i] = id
      redis.call('HSETNX', WORK, id, text_of(first_delivery(each[3], name, tokens[id] or '0')))
    end
    disown(ids)
  until #pending < 1000
  redis.pcall('XGROUP', 'DELCONSUMER', LOG, group, name)
end

mature()
local about = redis.call('HMGET', ABOUT, 'count', 'epoch')
local total = number(about[1])
for i = FIRST_OTHER, #ARGV, 5 do
  if ARGV[i + 2] == 'dead' then
    redis.call('XLEN', DEAD)
    break
  end
end

-- What former terms hold of the deliveries that the instance knows belongs to the holder now, and the rest is given back.
local kept = {}
if ARGV[9] ~= '' then
  local is_former, is_known, tokens = {}, {}, {}
  for id, known in string.gmatch(ARGV[10], '(%S+) (%S+) ') do
    is_known[known] = true
    tokens[id] = known
  end
  for name in string.gmatch(ARGV[9], '(%S+) ') do
    is_former[name] = true
    write_down(name, tokens)
  end
  local all = redis.call('HGETALL', WORK)
  works = #all / 2
  for i = 1, #all, 2 do
    local entry = parse(all[i + 1])
    if entry and is_former[entry.holder] then
      if is_known[entry.token] then
        entry.holder = holder
        redis.call('HSET', WORK, all[i], text_of(entry))
        kept[#kept + 1] = entry.token
      else
        entry.attempts = entry.attempts - 1
        wait(all[i], entry, now)
        rests = rests + 1
      end
    end
  end
  for name in pairs(is_former) do redis.call('ZREM', SEEN, name) end
  if #kept > 0 then redis.call('ZADD', SEEN, now, holder) end
end
local is_seen = redis.call('ZSCORE', SEEN, holder)
local lapsed = ARGV[9] == '' and holding > 0 and not is_seen

local ids = {}
for i = 13, FIRST_OTHER - 1, 2 do ids[#ids + 1] = ARGV[i] end
for i = FIRST_OTHER, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local function look_up(key, texts)
  for from = 1, #ids, 1000 do
    local part = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, text in ipairs(redis.call('HMGET', key, unpack(part))) do texts[part[i]] = text or nil end
  end
end
if works > 0 then look_up(WORK, work_of) end
if rests > 0 then look_up(REST, rest_of) end

local refused, failed, place = {}, {}, 0
local function settle(id, its_token, outcome, first, second)
  local entry, is_acknowledged, trouble = work_of[id] and parse(work_of[id]), false, nil
  if entry then
    if entry.token ~= its_token then entry = nil end -- somebody else has it
  elseif not rest_of[id] then
    if outcome == 'done' and second == '' then
      is_acknowledged = redis.call('XACK', LOG, group, id) == 1
      entry = is_acknowledged and {}
    else
      local pending = pending_of(holder, id, id, 1)[1]
      entry = pending and first_delivery(pending[3], holder, its_token)
    end
  end
  if not entry then
    if outcome ~= 'done' or second == '' or redis.call('EXISTS', DONE .. its_token) == 0 then refused[#refused + 1] = its_token end
  elseif outcome == 'done' or outcome == 'dead' then
    if outcome == 'dead' then bury(id, entry, first, second)
    elseif second ~= '' then trouble = run(second) end
    if trouble then
      failed[#failed + 1] = its_token
      failed[#failed + 1] = trouble
    else
      if outcome == 'done' and first ~= '' then
        local window, message = string.match(first, '^(%S+) (.*)$')
        redis.call('SET', ONCE .. message, '1', 'PX', window)
      end
      if outcome == 'done' and second ~= '' then redis.call('SET', DONE .. its_token, '1', 'PX', 600000) end
      if work_of[id] then
        work_of[id] = nil
        finished[#finished + 1] = id
      end
      if not is_acknowledged then redis.call('XACK', LOG, group, id) end
      local following, waiting
      if entry.key then following, waiting = pass_on(entry.key) end
      if following then
        if count < room then give(following, waiting) else wait(following, waiting, now) end
      end
    end
  else
    if outcome == 'release' then entry.attempts = entry.attempts - 1 end
    -- What is released together keeps its order: the ids alone would not keep it among what is due at the same time.
    place = place + 1
    wait(id, entry, outcome == 'retry' and now + first or now - 1 + place / 2048)
  end
end
for i = 13, FIRST_OTHER - 1, 2 do settle(ARGV[i], ARGV[i + 1], 'done', '', '') end
for i = FIRST_OTHER, #ARGV, 5 do settle(unpack(ARGV, i, i + 4)) end
forget()

-- What the dead held is due at once. The attempt counts: perhaps it was this entry that killed them. And what is still in the name of a
-- holder that is told now that it has lost it: nobody else would ever look for that. Any call is a sign of life.
local is_dead = {}
if lapsed then is_dead[holder] = true end
if room > 0 then
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - claim_after)) do
    if name ~= holder then
      redis.call('ZREM', SEEN, name)
      is_dead[name] = true
    end
  end
end
if next(is_dead) then
  for name in pairs(is_dead) do write_down(name, {}) end
  local all = redis.call('HGETALL', WORK)
  for i = 1, #all, 2 do
    local entry = parse(all[i + 1])
    if entry and is_dead[entry.holder] then wait(all[i], entry, now) end
  end
end

local function first_due() return redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2] end
local soonest = first_due()
if count < room and soonest and tonumber(soonest) <= now then
  local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, room - count)
  for from = 1, #due, 1000 do
    local ids = { unpack(due, from, math.min(from + 999, #due)) }
    local texts = redis.call('HMGET', REST, unpack(ids))
    redis.call('ZREM', DUE, unpack(ids))
    redis.call('HDEL', REST, unpack(ids))
    for i, id in ipairs(ids) do
      local entry = texts[i] and parse(texts[i])
      local found = entry and redis.pcall('XRANGE', LOG, id, id)
      if found and not found.err then give(id, entry, found[1] and found[1][2]) end -- else it is a stranger's
    end
  end
  soonest = first_due()
end

-- A call does not read for ever when everything that it reads waits behind its key, or is for another group.
local ordinal, rounds, exhausted = state[4] and math.min(tonumber(state[4]) or total, total), 0, false
while count < room and parked < max_parked and rounds < 8 do
  local entries = redis.pcall('XREADGROUP', 'GROUP', group, holder, 'COUNT', room - count, 'STREAMS', LOG, '>')
  if group_missing(entries) then
    -- Redis has lost it, with the log. Whatever is in the log now came afterwards.
    redis.call('XGROUP', 'CREATE', LOG, group, '0', 'MKSTREAM')
    redis.call('HSETNX', BELLS, group, '')
    ordinal, entries = ordinal or 0, redis.call('XREADGROUP', 'GROUP', group, holder, 'COUNT', room - count, 'STREAMS', LOG, '>')
  end
  local list = entries and entries[1] and entries[1][2]
  if not list then
    exhausted = true
    break
  end
  for _, each in ipairs(list) do
    local id, fields = each[1], each[2] or {}
    local n, key, only
    -- As Belfry writes it, most of the time.
    if fields[1] == 'e' and fields[3] == 'n' and not fields[5] then n = fields[4]
    else n, key, only = field(fields, 'n'), field(fields, 'k'), field(fields, 'g') end
    n = ordinal_in(n, total)
    -- Numbers go up: any other is a stranger's, or is read again.
    if n and n > (ordinal or 0) then
      if ordinal then lost = lost + n - ordinal - 1 end
      ordinal = n
    end
    if key then keyed[#keyed + 1] = id end
    if only and only ~= group then redis.call('XACK', LOG, group, id)
    elseif key and redis.call('HSETNX', BUSY, key, id) == 0 then
      redis.call('RPUSH', LANES .. key, id)
      parked = parked + 1
    elseif key or once then give(id, fresh(key), fields, not key)
    else
      count = count + 1
      given[count * 2 - 1], given[count * 2] = id, field(fields, 'e') or ''
    end
  end
  rounds = rounds + 1
end

-- What was given is written down.
in_parts(written, function(...) redis.call('HSET', WORK, ...) end)
disown(keyed)
if count > 0 or (is_seen and holding > 0) then redis.call('ZADD', SEEN, now, holder)
elseif is_seen then redis.call('ZREM', SEEN, holder) end
local changes = { 'token', string.format('%.0f', token + count), 'parked', parked, 'lost', lost + lost_before, 'at', now_text }
if ordinal then
  changes[#changes + 1] = 'ordinal'
  changes[#changes + 1] = ordinal
end
redis.call('HSET', STATE, unpack(changes))

local due_in = soonest and math.max(0, soonest - now)
local more = due_in == 0
if not more and not exhausted and parked < max_parked then more = total > (ordinal or 0) end
if next_delayed then due_in = math.min(due_in or math.huge, math.max(0, next_delayed - now)) end

-- Who would take more than there is waits for the doorbell; and where there is more, somebody else is told. So it is when somebody leaves:
-- it may have been the only one to know what is due when.
local waiting = redis.call('HGET', BELLS, group) or ''
local waits = string.find(waiting, instance .. ' ', 1, true) ~= nil
if waits ~= (count < room) then
  waiting = waits and string.gsub(waiting, instance .. ' ', '') or waiting .. instance .. ' '
  redis.call('HSET', BELLS, group, waiting)
end
local leaves = room == 0 and holding == #ids
if more or leaves then ring(group, waiting, instance) end
if leaves and #pending_of(holder, '-', '+', 1) == 0 then redis.pcall('XGROUP', 'DELCONSUMER', LOG, group, holder) end
return {
  due_in and string.format('%.0f', due_in) or '', more and 1 or 0, lapsed and 1 or 0, lost, repeated, about[2] or '', total,
  refused, kept, failed, string.format('%.0f', token + 1), given, notes,
}
`,
};
