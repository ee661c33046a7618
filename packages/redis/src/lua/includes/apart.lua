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
