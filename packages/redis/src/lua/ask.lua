--[[ ask.lua: gives each request that one turn asks on one channel to one member of the group that answers.
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

-- The requests of the frame one by one, and the CRC-32 of the key of each or false.
local function requests_in(frame)
  local requests, keys, from = {}, {}, 2
  repeat
    local to = string.find(frame, '\n\30', from, true)
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
