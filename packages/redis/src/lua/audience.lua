--[[ audience.lua: who would receive an event that is published now. Publishes nothing.
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
