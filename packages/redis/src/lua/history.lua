--[[ history.lua: reads what is kept of a channel (see recover.lua).
  KEYS[1] the stream
  ARGV[1] the entry after which to read; empty: none is read
  ARGV[2] how many entries to read, at most
  ARGV[3] how many bytes to read, about
  Returns the id of the newest entry ('': nothing is kept), and for each entry read its id and its envelope
]]
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local entries, size, after, left = {}, 0, ARGV[1], tonumber(ARGV[2])
while newest and after ~= '' and left > 0 and size < tonumber(ARGV[3]) do
  local part = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', math.min(left, 16))
  if #part == 0 then break end
  for _, entry in ipairs(part) do
    local event = ''
    for i = 1, #(entry[2] or {}), 2 do if entry[2][i] == 'e' then event = entry[2][i + 1] end end
    entries[#entries + 1] = { entry[1], event }
    after, left, size = entry[1], left - 1, size + #event
  end
end
return { newest and newest[1] or '', entries }
