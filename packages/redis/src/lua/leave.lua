--[[ leave.lua: gives up an instance's place in its group's ring. The group stays known, so that its absence shows in receipts.
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
