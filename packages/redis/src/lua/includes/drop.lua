-- Takes dead places out of a group's ring.
local function drop(group, ring, dead)
  local rest = {}
  for i = 1, #ring, PLACE do
    if not dead[string.sub(ring, i, i + ID - 1)] then rest[#rest + 1] = string.sub(ring, i, i + PLACE - 1) end
  end
  redis.pcall('HSET', KEYS[1], group, table.concat(rest)) -- out of memory: the place stays, and is passed over again
end
