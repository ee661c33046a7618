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
