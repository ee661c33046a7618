#!lua flags=allow-oom
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
