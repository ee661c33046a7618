#!lua flags=allow-oom,allow-stale
--[[ primary.lua: does nothing. It does not say that it writes nothing, so a replica refuses it (READONLY), and a primary does not, even out of memory.
  Returns 1
]]
return 1
