#!lua flags=allow-oom
--[[ work.lua: settles deliveries of a group, then gives an instance up to so many entries of a durable log: the next of a key whose turn has
  come by that, then what is due, then what is new. It is packages/core/src/durable/group.ts in Lua. It also runs while Redis is out of
  memory: to handle what is there is what frees it.
  KEYS[1] the log (see append.lua); the group is a group of the stream. Its consumers are the holders: what a consumer has pending its holder
          has by the first delivery of an entry without a key, of which nothing else is written down. Everything else that was read and is not
          done with is pending for the consumer 'belfry', and stands in what belongs to the group and hangs on the same hash tag:
          work:<group>   a hash, entry -> '<attempts> <token> <holder> <when the first attempt began> =<key, if it has one>': what somebody
                         holds else
          rest:<group>   the same of what nobody holds, because it waits for another attempt or for anybody
          due:<group>    a sorted set of the latter, score = the time to try them, in milliseconds
          busy:<group>   a hash, key -> its one entry that is in `work` or `rest`
          lane:<group>:<key>   a list of what waits behind that, in order
          seen:<group>   a sorted set of the holders that hold something, score = their last sign of life
          state:<group>  a hash: token, the last one given; parked, how many wait behind their key; ordinal, which entry of the log was
                         read last; lost, how many were gone before they were done with; at, when somebody last asked
          once:<group>:<id>    a message that the group has completed; it expires
          done:<group>:<token> a commit that was accepted; it expires
          dead:<group>   the dead letters: a stream
  ARGV[1] group
  ARGV[2] instance id: where the doorbell is to ring
  ARGV[3] holder: in whose name entries are held, '<instance id>.<term>'
  ARGV[4] how many deliveries the instance has in its hands
  ARGV[5] room: how many entries it would take
  ARGV[6] a holder that has given no sign of life for so many milliseconds has lost what it held
  ARGV[7] so many entries may wait behind others of their key; then nothing more is read until some of them are done
  ARGV[8] 1: drop messages that the group has completed before
  ARGV[9] terms of the instance that have ended, each followed by a space; what they hold is given back…
  ARGV[10] …except for these deliveries, each as its entry's id and its token, each of them followed by a space: the holder has them from now on
  ARGV[11] for tests: milliseconds now
  ARGV[12] how many deliveries were handled, and that is all
  ARGV[13], and so on: for each of these its entry's id and its token; then for each other delivery that is settled five values, the entry's id,
          its token, what became of it, and what belongs to that:
          done: milliseconds to remember it, a space, and its message's id (empty: it is not remembered); commands, as JSON (empty: none)
          retry: after how many milliseconds; release: it was not tried to the end, and counts as no attempt; dead: code, message
  Returns in how many milliseconds the next entry is due ('': none waits); 1 when there is more that could be given at once; 1 when the holder
          had lost what it held; how many entries this call found lost; how many it dropped as completed; the log's epoch; how many were ever appended to it; the tokens that were refused;
          the tokens that the holder has from former terms; for each commit that was refused its token and the reason; the token of the first
          new delivery, the others have those that follow; for each new delivery two values, the entry's id and the envelope; and for those of
          them that are not the first attempt, or have a key, three: which of them it is, from 1, the attempt, and the key after a '=' ('': none)
]]
-- include log
-- The names that hang on the channel's hash tag, and the time of this call by Redis's own clock.
local TELL = 'PUBLISH' -- what reaches whoever listens to all of the channel; on a Cluster: 'SPUBLISH'
local base = string.sub(KEYS[1], 1, -4)
local LOG, ABOUT, BELLS = KEYS[1], base .. 'about', base .. 'bells'
local LATER, BODIES = base .. 'later', base .. 'later:bodies'
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)

-- Before anything is changed: should the log or one of these hashes be something else, the call is refused, and has done nothing.
local function look_at(...)
  redis.call('XLEN', LOG)
  for _, key in ipairs({ ... }) do redis.call('HLEN', key) end
end

-- A number that is written down. Raises where something else stands.
local function number(text)
  if not text then return 0 end
  return tonumber(text) or error('a number of Belfry is none any more: somebody else writes to its keys')
end

-- Which entry of the log it is, by its field n: nothing where that is a stranger's. total: so many were appended
local function ordinal_in(n, total)
  local ordinal = tonumber(string.match(n or '', '^%d+$'))
  return ordinal and ordinal > 0 and ordinal <= total and ordinal or nil
end

-- Appends to the log. count: how many are appended in this call; the ordinals of all of them are taken at once. Returns how many there were
-- ever by then.
local last_ordinal
local function take_ordinals(count)
  local total = redis.call('HINCRBY', ABOUT, 'count', count)
  last_ordinal = total - count
  if last_ordinal == 0 then
    local time = redis.call('TIME')
    redis.call('HSET', ABOUT, 'epoch', time[1] .. string.format('%06d', time[2]))
  end
  return total
end

local function add(body, key, only)
  last_ordinal = last_ordinal + 1
  if only then
    return redis.call('XADD', LOG, '*', 'e', body, 'n', last_ordinal, 'g', only, unpack(key and { 'k', key } or {}))
  end
  if key then return redis.call('XADD', LOG, '*', 'e', body, 'n', last_ordinal, 'k', key) end
  return redis.call('XADD', LOG, '*', 'e', body, 'n', last_ordinal)
end

-- Rings at an instance of the group that waits for work, and not at `besides`. Returns whether one heard it.
local function ring(group, waiting, besides)
  local rung, rest, changed = false, {}, false
  for instance in string.gmatch(waiting, '(%S+) ') do
    if rung or instance == besides then rest[#rest + 1] = instance .. ' '
    else
      changed = true
      rung = redis.call('SPUBLISH', base .. 'inbox:' .. group .. ':' .. instance, '!') > 0
    end
  end
  if changed then redis.call('HSET', BELLS, group, table.concat(rest)) end
  return rung
end

local function ring_all()
  local bells = redis.call('HGETALL', BELLS)
  for i = 1, #bells, 2 do ring(bells[i], bells[i + 1]) end
end

-- When the next delayed event is due, as far as that has been looked up; nil: none waits.
local next_delayed
local function look_for_delayed() next_delayed = redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2] end

-- Whether the ACL user of this call has the right to do that.
local function may(...) return not redis.acl_check_cmd or redis.acl_check_cmd(...) end

-- Appends the delayed events whose time has come, and returns whether there were any. A body is kept behind the length of its key, or behind
-- a '-'. Who only handles events has no right to append any: that is left to those who publish, and whose doorbell tells when it is done.
local function mature()
  look_for_delayed()
  if not next_delayed or tonumber(next_delayed) > now then return false end
  if not (may('ZREM', LATER, '') and may('HINCRBY', ABOUT, 'count', 1) and may('XADD', LOG, '*', 'e', '')
    and may('SET', base .. 'id:', '') and may(TELL, base .. 'all', '')) then
    next_delayed = nil
    return false
  end
  local due = redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, 100)
  look_at(ABOUT, BELLS, BODIES)
  take_ordinals(#due)
  for _, id in ipairs(due) do
    local kept = redis.call('HGET', BODIES, id)
    redis.call('ZREM', LATER, id)
    redis.call('HDEL', BODIES, id)
    if kept then
      local length, rest = string.match(kept, '^(%d*)[-:](.*)$')
      local key = length ~= '' and string.sub(rest, 1, length) or nil
      local body = string.sub(rest, #(key or '') + 1)
      redis.call('SET', base .. 'id:' .. id, add(body, key), 'XX', 'KEEPTTL')
      redis.call(TELL, base .. 'all', body)
    end
  end
  ring_all()
  look_for_delayed()
  return true
end
-- end of log
local group, instance, holder = ARGV[1], ARGV[2], ARGV[3]
local holding, room, claim_after, max_parked = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local once = ARGV[8] == '1'
now = tonumber(ARGV[11]) or now
local now_text = string.format('%.0f', now)
local FIRST_OTHER = 13 + 2 * ARGV[12]
local WORK, REST, DUE = base .. 'work:' .. group, base .. 'rest:' .. group, base .. 'due:' .. group
local BUSY = base .. 'busy:' .. group
local SEEN, STATE, DEAD = base .. 'seen:' .. group, base .. 'state:' .. group, base .. 'dead:' .. group
local LANES, ONCE, DONE = base .. 'lane:' .. group .. ':', base .. 'once:' .. group .. ':', base .. 'done:' .. group .. ':'
-- Whose is what nobody has by a first delivery.
local NOBODY = 'belfry'
-- Deliveries, as they are returned, and how many; which of them are not plain; what is written down of them; entries with a key that were read;
-- entries to be forgotten.
local given, count, notes, written, keyed, finished = {}, 0, {}, {}, {}, {}
local lost, repeated = 0, 0
local state = redis.call('HMGET', STATE, 'token', 'parked', 'lost', 'ordinal')
look_at(ABOUT)
local works, rests = redis.call('HLEN', WORK), redis.call('HLEN', REST)
if redis.call('HLEN', BUSY) == 0 then state[2] = 0 end -- then nothing waits behind its key
-- Tokens are never given twice, not even by a Redis that has lost its last writes: they follow the clock where the counter is behind, or is
-- beyond what can be counted.
local token = number(state[1])
if token < now * 1000 or token > 2 ^ 52 then token = now * 1000 end
local parked, lost_before = number(state[2]), number(state[3])

-- What is written down of an entry; nothing where a stranger has written.
local function parse(text)
  local attempts, its_token, its_holder, first, key = string.match(text, '^(%d+) (%d+) (%S+) (%d+) ?=?(.*)$')
  return attempts and {
    attempts = tonumber(attempts), token = its_token, holder = its_holder, first = first,
    key = string.find(text, ' =', 1, true) and key or nil,
  }
end

local function text_of(entry)
  return entry.attempts .. ' ' .. entry.token .. ' ' .. entry.holder .. ' ' .. entry.first .. (entry.key and ' =' .. entry.key or '')
end

-- Calls Redis with many arguments, as many at a time as Lua can hand over.
local function in_parts(list, call)
  for i = 1, #list, 1000 do call(unpack(list, i, math.min(i + 999, #list))) end
end

-- Forgets what is done with. Before anybody looks at all that is in work.
local function forget()
  in_parts(finished, function(...) redis.call('HDEL', WORK, ...) end)
  finished = {}
end

local function fresh(key) return { attempts = 0, token = '0', holder = '-', first = '0', key = key } end

-- The entry is acknowledged: the next of its key has its turn. Returns that.
local function pass_on(key)
  local following
  repeat
    following = redis.call('LPOP', LANES .. key)
    if not following then
      redis.call('HDEL', BUSY, key)
      return nil
    end
    parked = parked - 1
  until string.find(following, '^%d+%-%d+$') -- else a stranger has written it
  redis.call('HSET', BUSY, key, following)
  return following, fresh(key)
end

-- The envelope stands first, where Belfry has written the entry.
local function field(fields, name)
  if fields[1] == name then return fields[2] end
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
  return nil
end

-- The id of the message in an envelope: as Belfry writes it, or as JSON has it.
local function message_id(body)
  local id = string.match(body, '^{"specversion":"1%.0","source":"[^"\\]+","type":"[^"\\]+","dataversion":"%d+","datacontenttype":"application/json",'
    .. '"time":"[^"\\]+","id":"([^"\\]+)"') or string.match(body, '^{"specversion":"1%.0","id":"([^"\\]+)"')
  if id then return id end
  local fine, envelope = pcall(cjson.decode, body)
  return fine and type(envelope) == 'table' and type(envelope.id) == 'string' and envelope.id or nil
end

local function is_completed(body)
  local id = once and message_id(body)
  return id and redis.call('EXISTS', ONCE .. id) == 1
end

local function lookup(id)
  local found = redis.call('XRANGE', LOG, id, id)[1]
  return found and found[2]
end

-- Gives an entry to the holder; one that is gone or completed is done with, and the next of its key comes instead, if there is one.
-- Returns whether anything was given. fields: of the entry, where they are known already; is_first: it was read for the holder just now, and has
-- no key
local function give(id, entry, fields, is_first)
  while true do
    fields = fields or lookup(id)
    local body = fields and (field(fields, 'e') or '')
    if body and not is_completed(body) then
      count = count + 1
      given[count * 2 - 1], given[count * 2] = id, body
      local attempts, key = entry.attempts + 1, entry.key and '=' .. entry.key or ''
      if attempts > 1 or entry.key then
        local at = #notes
        notes[at + 1], notes[at + 2], notes[at + 3] = count, attempts, key
      end
      if not is_first then
        local at = #written
        written[at + 1] = id
        written[at + 2] = attempts .. ' ' .. string.format('%.0f', token + count) .. ' ' .. holder .. ' ' ..
          (attempts == 1 and now_text or entry.first) .. (entry.key and ' ' .. key or '')
      end
      return true
    end
    if body then repeated = repeated + 1 else lost = lost + 1 end
    redis.call('XACK', LOG, group, id)
    if not entry.key then return false end
    id, entry = pass_on(entry.key)
    if not id then return false end
    fields, is_first = nil, false
  end
end

-- What is written down of the entries that are settled: in work, and in rest.
local work_of, rest_of = {}, {}

-- These entries are pending for nobody from now on: they are written down.
local function disown(ids)
  for from = 1, #ids, 1000 do
    local part = { unpack(ids, from, math.min(from + 999, #ids)) }
    part[#part + 1] = 'JUSTID'
    redis.call('XCLAIM', LOG, group, NOBODY, 0, unpack(part))
  end
end

-- Nobody holds it: it is due at that time.
local function wait(id, entry, at)
  work_of[id], rest_of[id] = nil, true
  entry.holder = '-'
  redis.call('HDEL', WORK, id)
  redis.call('HSET', REST, id, text_of(entry))
  redis.call('ZADD', DUE, at, id)
  if entry.is_first then disown({ id }) end
end

local function run(commands)
  local fine, list = pcall(cjson.decode, commands)
  if not fine then return 'the commands are no JSON.' end
  for i, command in ipairs(list) do
    local answer = redis.pcall(unpack(command))
    if type(answer) == 'table' and answer.err then
      return 'Redis answered ' .. answer.err .. ' to command ' .. i .. ' of ' .. #list .. '.'
    end
  end
  return nil
end

local function bury(id, entry, code, message)
  local fields = lookup(id)
  if not fields then return end
  redis.call('XADD', DEAD, '*', 'id', id, 'e', field(fields, 'e') or '', 'attempts', entry.attempts, 'first', entry.first,
    'code', code, 'message', message, unpack(entry.key and { 'k', entry.key } or {}))
end

local function group_missing(answer) return type(answer) == 'table' and answer.err and string.find(answer.err, 'NOGROUP', 1, true) end

-- What of the log is pending for a holder, as XPENDING has it: id, consumer, milliseconds since it was delivered, how often. None without a group.
local function pending_of(name, from, to, most)
  local pending = redis.pcall('XPENDING', LOG, group, from, to, most, name)
  return pending.err and {} or pending
end

-- By its first delivery: its attempt began when it was delivered.
local function first_delivery(idle, name, its_token)
  return { attempts = 1, token = its_token, holder = name, first = string.format('%.0f', now - idle), is_first = true }
end

-- Writes down what a holder has by first deliveries, who is not to have it any longer. tokens: of those that are known
local function write_down(name, tokens)
  repeat
    local pending, ids = pending_of(name, '-', '+', 1000), {}
    for i, each in ipairs(pending) do
      local id = each[1]
      ids[i] = id
      redis.call('HSETNX', WORK, id, text_of(first_delivery(each[3], name, tokens[id] or '0')))
    end
    disown(ids)
  until #pending < 1000
  redis.pcall('XGROUP', 'DELCONSUMER', LOG, group, name)
end

mature()
local about = redis.call('HMGET', ABOUT, 'count', 'epoch')
local total = number(about[1])
for i = FIRST_OTHER, #ARGV, 5 do
  if ARGV[i + 2] == 'dead' then
    redis.call('XLEN', DEAD)
    break
  end
end

-- What former terms hold of the deliveries that the instance knows belongs to the holder now, and the rest is given back.
local kept = {}
if ARGV[9] ~= '' then
  local is_former, is_known, tokens = {}, {}, {}
  for id, known in string.gmatch(ARGV[10], '(%S+) (%S+) ') do
    is_known[known] = true
    tokens[id] = known
  end
  for name in string.gmatch(ARGV[9], '(%S+) ') do
    is_former[name] = true
    write_down(name, tokens)
  end
  local all = redis.call('HGETALL', WORK)
  works = #all / 2
  for i = 1, #all, 2 do
    local entry = parse(all[i + 1])
    if entry and is_former[entry.holder] then
      if is_known[entry.token] then
        entry.holder = holder
        redis.call('HSET', WORK, all[i], text_of(entry))
        kept[#kept + 1] = entry.token
      else
        entry.attempts = entry.attempts - 1
        wait(all[i], entry, now)
        rests = rests + 1
      end
    end
  end
  for name in pairs(is_former) do redis.call('ZREM', SEEN, name) end
  if #kept > 0 then redis.call('ZADD', SEEN, now, holder) end
end
local is_seen = redis.call('ZSCORE', SEEN, holder)
local lapsed = ARGV[9] == '' and holding > 0 and not is_seen

local ids = {}
for i = 13, FIRST_OTHER - 1, 2 do ids[#ids + 1] = ARGV[i] end
for i = FIRST_OTHER, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local function look_up(key, texts)
  for from = 1, #ids, 1000 do
    local part = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, text in ipairs(redis.call('HMGET', key, unpack(part))) do texts[part[i]] = text or nil end
  end
end
if works > 0 then look_up(WORK, work_of) end
if rests > 0 then look_up(REST, rest_of) end

local refused, failed, place = {}, {}, 0
local function settle(id, its_token, outcome, first, second)
  local entry, is_acknowledged, trouble = work_of[id] and parse(work_of[id]), false, nil
  if entry then
    if entry.token ~= its_token then entry = nil end -- somebody else has it
  elseif not rest_of[id] then
    if outcome == 'done' and second == '' then
      is_acknowledged = redis.call('XACK', LOG, group, id) == 1
      entry = is_acknowledged and {}
    else
      local pending = pending_of(holder, id, id, 1)[1]
      entry = pending and first_delivery(pending[3], holder, its_token)
    end
  end
  if not entry then
    if outcome ~= 'done' or second == '' or redis.call('EXISTS', DONE .. its_token) == 0 then refused[#refused + 1] = its_token end
  elseif outcome == 'done' or outcome == 'dead' then
    if outcome == 'dead' then bury(id, entry, first, second)
    elseif second ~= '' then trouble = run(second) end
    if trouble then
      failed[#failed + 1] = its_token
      failed[#failed + 1] = trouble
    else
      if outcome == 'done' and first ~= '' then
        local window, message = string.match(first, '^(%S+) (.*)$')
        redis.call('SET', ONCE .. message, '1', 'PX', window)
      end
      if outcome == 'done' and second ~= '' then redis.call('SET', DONE .. its_token, '1', 'PX', 600000) end
      if work_of[id] then
        work_of[id] = nil
        finished[#finished + 1] = id
      end
      if not is_acknowledged then redis.call('XACK', LOG, group, id) end
      local following, waiting
      if entry.key then following, waiting = pass_on(entry.key) end
      if following then
        if count < room then give(following, waiting) else wait(following, waiting, now) end
      end
    end
  else
    if outcome == 'release' then entry.attempts = entry.attempts - 1 end
    -- What is released together keeps its order: the ids alone would not keep it among what is due at the same time.
    place = place + 1
    wait(id, entry, outcome == 'retry' and now + first or now - 1 + place / 2048)
  end
end
for i = 13, FIRST_OTHER - 1, 2 do settle(ARGV[i], ARGV[i + 1], 'done', '', '') end
for i = FIRST_OTHER, #ARGV, 5 do settle(unpack(ARGV, i, i + 4)) end
forget()

-- What the dead held is due at once. The attempt counts: perhaps it was this entry that killed them. And what is still in the name of a
-- holder that is told now that it has lost it: nobody else would ever look for that. Any call is a sign of life.
local is_dead = {}
if lapsed then is_dead[holder] = true end
if room > 0 then
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - claim_after)) do
    if name ~= holder then
      redis.call('ZREM', SEEN, name)
      is_dead[name] = true
    end
  end
end
if next(is_dead) then
  for name in pairs(is_dead) do write_down(name, {}) end
  local all = redis.call('HGETALL', WORK)
  for i = 1, #all, 2 do
    local entry = parse(all[i + 1])
    if entry and is_dead[entry.holder] then wait(all[i], entry, now) end
  end
end

local function first_due() return redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2] end
local soonest = first_due()
if count < room and soonest and tonumber(soonest) <= now then
  local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, room - count)
  for from = 1, #due, 1000 do
    local ids = { unpack(due, from, math.min(from + 999, #due)) }
    local texts = redis.call('HMGET', REST, unpack(ids))
    redis.call('ZREM', DUE, unpack(ids))
    redis.call('HDEL', REST, unpack(ids))
    for i, id in ipairs(ids) do
      local entry = texts[i] and parse(texts[i])
      local found = entry and redis.pcall('XRANGE', LOG, id, id)
      if found and not found.err then give(id, entry, found[1] and found[1][2]) end -- else it is a stranger's
    end
  end
  soonest = first_due()
end

-- A call does not read for ever when everything that it reads waits behind its key, or is for another group.
local ordinal, rounds, exhausted = state[4] and math.min(tonumber(state[4]) or total, total), 0, false
while count < room and parked < max_parked and rounds < 8 do
  local entries = redis.pcall('XREADGROUP', 'GROUP', group, holder, 'COUNT', room - count, 'STREAMS', LOG, '>')
  if group_missing(entries) then
    -- Redis has lost it, with the log. Whatever is in the log now came afterwards.
    redis.call('XGROUP', 'CREATE', LOG, group, '0', 'MKSTREAM')
    redis.call('HSETNX', BELLS, group, '')
    ordinal, entries = ordinal or 0, redis.call('XREADGROUP', 'GROUP', group, holder, 'COUNT', room - count, 'STREAMS', LOG, '>')
  end
  local list = entries and entries[1] and entries[1][2]
  if not list then
    exhausted = true
    break
  end
  for _, each in ipairs(list) do
    local id, fields = each[1], each[2] or {}
    local n, key, only
    -- As Belfry writes it, most of the time.
    if fields[1] == 'e' and fields[3] == 'n' and not fields[5] then n = fields[4]
    else n, key, only = field(fields, 'n'), field(fields, 'k'), field(fields, 'g') end
    n = ordinal_in(n, total)
    -- Numbers go up: any other is a stranger's, or is read again.
    if n and n > (ordinal or 0) then
      if ordinal then lost = lost + n - ordinal - 1 end
      ordinal = n
    end
    if key then keyed[#keyed + 1] = id end
    if only and only ~= group then redis.call('XACK', LOG, group, id)
    elseif key and redis.call('HSETNX', BUSY, key, id) == 0 then
      redis.call('RPUSH', LANES .. key, id)
      parked = parked + 1
    elseif key or once then give(id, fresh(key), fields, not key)
    else
      count = count + 1
      given[count * 2 - 1], given[count * 2] = id, field(fields, 'e') or ''
    end
  end
  rounds = rounds + 1
end

-- What was given is written down.
in_parts(written, function(...) redis.call('HSET', WORK, ...) end)
disown(keyed)
if count > 0 or (is_seen and holding > 0) then redis.call('ZADD', SEEN, now, holder)
elseif is_seen then redis.call('ZREM', SEEN, holder) end
local changes = { 'token', string.format('%.0f', token + count), 'parked', parked, 'lost', lost + lost_before, 'at', now_text }
if ordinal then
  changes[#changes + 1] = 'ordinal'
  changes[#changes + 1] = ordinal
end
redis.call('HSET', STATE, unpack(changes))

local due_in = soonest and math.max(0, soonest - now)
local more = due_in == 0
if not more and not exhausted and parked < max_parked then more = total > (ordinal or 0) end
if next_delayed then due_in = math.min(due_in or math.huge, math.max(0, next_delayed - now)) end

-- Who would take more than there is waits for the doorbell; and where there is more, somebody else is told. So it is when somebody leaves:
-- it may have been the only one to know what is due when.
local waiting = redis.call('HGET', BELLS, group) or ''
local waits = string.find(waiting, instance .. ' ', 1, true) ~= nil
if waits ~= (count < room) then
  waiting = waits and string.gsub(waiting, instance .. ' ', '') or waiting .. instance .. ' '
  redis.call('HSET', BELLS, group, waiting)
end
local leaves = room == 0 and holding == #ids
if more or leaves then ring(group, waiting, instance) end
if leaves and #pending_of(holder, '-', '+', 1) == 0 then redis.pcall('XGROUP', 'DELCONSUMER', LOG, group, holder) end
return {
  due_in and string.format('%.0f', due_in) or '', more and 1 or 0, lapsed and 1 or 0, lost, repeated, about[2] or '', total,
  refused, kept, failed, string.format('%.0f', token + 1), given, notes,
}
