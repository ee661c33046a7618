--[[ history.lua: reads what is kept of a channel (see recover.lua).
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
    local stop = string.find(frame, '\n\30', at, true) or #frame
    if string.sub(frame, at, at + 10) == '\30{"shared":' then
      head = string.gsub(string.sub(frame, at + 12, stop - 3), '^"cursor":"[^"]*",', '') .. ','
    else own[#own + 1], shared[#own + 1] = string.sub(frame, at + 2, stop - 1), head end
    at = stop + 1
  end
  return own, shared
end
-- end of apart
-- Several events in a frame of version 2, of which the last has the number of the entry. Those up to `behind` were read before.
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
    if fields.f then add_frame(at, tonumber(last), '\30{"shared":{' .. fields.f, at == after_at and tonumber(behind) or 0)
    else add(entry[1], fields.e or '') end
    after = entry[1]
    if left <= 0 or size >= tonumber(ARGV[3]) then break end
  end
end
return { newest and newest[1] or '', found }
