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
