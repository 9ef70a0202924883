-- What the scripts share. KEYS[1] is the root of the store; every other key begins with it and its
-- hash tag, so that all lie in one slot. ARGV[1] names the operation ('' for one that may be
-- repeated), ARGV[2] is its plan as JSON. A script answers with a JSON list of texts; an operation
-- that was done begins it with 'ok'. Numbers stay texts wherever they may have over 14 digits.
local root = KEYS[1]
local operation = ARGV[1]
local plan = cjson.decode(ARGV[2])
local call = redis.call
local signals = {}
-- How many deliveries were made; their ids are counted on from plan.delivery.
local owed = 0

local function at(...)
  return root .. ':' .. table.concat({ ... }, ':')
end

-- Tells workers to look, when all is done.
local function signal(text)
  signals[#signals + 1] = { at('signals'), text }
end

-- Tells those who watch a session that its journal grew.
local function announce(session)
  signals[#signals + 1] = { at('events', session), '' }
end

local function queued(run, field)
  return call('HGET', at('queued', run), field)
end

local function first_waiting(session)
  return call('LINDEX', at('waiting', session), 0)
end

-- Makes the first run of a session claimable, unless somebody has it.
local function offer_first(session)
  local run = first_waiting(session)
  if run and not queued(run, 'token') then
    call('ZADD', at('ready'), queued(run, 'place'), run)
  end
end

-- Writes a session down as it is said to be.
local function put_session(session, fields)
  local record = at('session', session)
  local place = call('HGET', record, 'place')
  if place then call('ZREM', at('sessions'), place) end
  for field, value in pairs(fields) do call('HSET', record, field, value) end
  call('ZADD', at('sessions'), 0, fields.place)
end

-- Takes an entry into account in the record of its run.
local function project(session, run, change)
  if not change then return end
  local record = at('run', run)
  local state = call('HGET', record, 'state')
  if change.admits then
    if state then call('DEL', record) end
    call('ZADD', at('runs'), 0, run)
    call('ZADD', at('runs', 'session', session), 0, run)
  elseif not state then
    return
  end
  local set = change.set or {}
  if set.state and set.state ~= state then
    if state then call('ZREM', at('runs', 'state', state), run) end
    call('ZADD', at('runs', 'state', set.state), 0, run)
  end
  for field, value in pairs(set) do call('HSET', record, field, value) end
  for field, value in pairs(change.add or {}) do call('HINCRBY', record, field, value) end
end

local function remember_words(session, seq, words)
  local said = at('said', session)
  call('RPUSH', said, seq .. ' ' .. words)
  call('LTRIM', said, -1000, -1)
end

-- Adds entries to a journal. Gives the number of the first, and the entries that end a queued run.
local function write(session, entries)
  local record = at('session', session)
  local first = tonumber(call('HGET', record, 'seq') or '0') + 1
  local ended = {}
  for index, entry in ipairs(entries) do
    local seq = first + index - 1
    local kind = entry.kind or ARGV[2 + entry.body]
    call('XADD', at('journal', session), seq .. '-0', 'r', entry.run, 't', entry.at, 'k', kind)
    project(session, entry.run, entry.change)
    if entry.said then remember_words(session, seq, entry.said) end
    if entry.reply and call('EXISTS', at('queued', entry.run)) == 1 then
      ended[#ended + 1] = entry
    end
  end
  local last = entries[#entries]
  if last then
    local fields = { updated = last.at, place = last.place .. ':' .. session }
    if call('EXISTS', record) == 0 then fields.created = entries[1].at end
    fields.seq = first + #entries - 1
    put_session(session, fields)
    call('UNLINK', at('live', session))
    announce(session)
  end
  return first, ended
end

-- Puts an admitted run into the queue, with the inputs that wait for it already.
local function enqueue(parcel, inputs)
  local run, session, waiting = parcel.run, parcel.session, at('waiting', parcel.session)
  local first = first_waiting(session)
  local place = call('HINCRBY', at('counters'), 'place', 1)
  call('HSET', at('queued', run), 'session', session, 'place', place, 'user', parcel.user,
    'trust', parcel.trust, 'attempts', 0)
  if parcel.reply_to then call('RPUSH', at('replies', run), parcel.reply_to) end
  for _, input in ipairs(inputs) do call('RPUSH', at('inputs', run), input) end
  if parcel.mode == 'interrupt' and first and queued(first, 'attempts') ~= '0' then
    call('LINSERT', waiting, 'AFTER', first, run)
  elseif parcel.mode == 'interrupt' then
    call('LPUSH', waiting, run)
  else
    call('RPUSH', waiting, run)
  end
  if first and first ~= first_waiting(session) then call('ZREM', at('ready'), first) end
  offer_first(session)
end

local function dequeue(run, session)
  call('LREM', at('waiting', session), 1, run)
  call('DEL', at('queued', run), at('inputs', run), at('replies', run))
  call('ZREM', at('ready'), run)
  call('ZREM', at('leased'), run)
  offer_first(session)
end

local function owe(run, session, to, entry)
  local id = string.sub(plan.delivery, 1, -5) .. string.format('%04x', owed)
  owed = owed + 1
  call('HSET', at('delivery', id), 'run', run, 'session', session, 'to', to, 'reply', entry.reply,
    'state', 'due', 'attempts', 0, 'sent', 0, 'created', entry.at, 'next', entry.at, 'token', 0)
  call('ZADD', at('deliveries'), 0, id)
  call('ZADD', at('deliveries', 'session', session), 0, id)
  call('ZADD', at('deliveries', 'run', run), 0, id)
  call('ZADD', at('deliveries', 'state', 'due'), 0, id)
  call('ZADD', at('due'), entry.at, id)
  signal('due')
end

-- The keys of messages that became a run, or wait for it, answer with that run.
local function rename_keys(run, parcels)
  local keys = at('keys')
  for _, parcel in ipairs(parcels) do
    local known = parcel.key and call('HGET', keys, parcel.key)
    if known then call('HSET', keys, parcel.key, run .. string.sub(known, 37)) end
  end
end

-- Everything that the end of a queued run brings.
local function complete(entry)
  local run = entry.run
  local session = queued(run, 'session')
  if not session then return end
  local inputs = call('LRANGE', at('inputs', run), 0, -1)
  local replies = call('LRANGE', at('replies', run), 0, -1)
  if call('HGET', at('run', run), 'trigger') == 'schedule' then signal('scheduled:' .. run) end
  dequeue(run, session)
  for _, to in ipairs(replies) do owe(run, session, to, entry) end
  if #inputs > 0 then
    local parcels = {}
    for index, input in ipairs(inputs) do parcels[index] = cjson.decode(input) end
    local next = parcels[1]
    next.at, next.place, next.change.set.admitted = entry.at, entry.place, entry.at
    write(session, { next })
    table.remove(inputs, 1)
    enqueue(next, inputs)
    rename_keys(next.run, parcels)
  end
  signal('ready')
end

local function complete_all(ended)
  for _, entry in ipairs(ended) do complete(entry) end
end

local function record_usage(rows)
  for _, row in ipairs(rows) do
    call('ZADD', at('usage'), 0, row.row)
    if row.cost then
      call('HINCRBY', at('spent'), row.hour, row.cost)
      call('ZADD', at('spent', 'hours'), row.hour, row.hour)
    end
  end
end

local function holds(lease)
  return queued(lease.run, 'token') == lease.token
end

-- Puts a delivery where its state belongs.
local function move_delivery(id, from, to, next)
  call('ZREM', at('deliveries', 'state', from), id)
  call('ZADD', at('deliveries', 'state', to), 0, id)
  call('ZREM', at('due'), id)
  call('ZREM', at('flying'), id)
  if to == 'due' then call('ZADD', at('due'), next, id) end
  if to == 'in_flight' then call('ZADD', at('flying'), next, id) end
end

-- The run that the message of a parcel became or joined, if its key was given before.
local function known_message(parcel)
  local found = parcel.key and call('HGET', at('keys'), parcel.key)
  if found then return { 'ok', 'known', string.sub(found, 1, 36), string.sub(found, 38) } end
end

-- Notes the key of a message, and forgets some that are old.
local function remember(parcel, run, seq)
  if not parcel.key then return end
  local keys, ages = at('keys'), at('keys', 'ages')
  local old = call('ZRANGEBYSCORE', ages, '-inf', '(' .. parcel.forget_before, 'LIMIT', 0, 16)
  for _, key in ipairs(old) do
    call('HDEL', keys, key)
    call('ZREM', ages, key)
  end
  call('HSET', keys, parcel.key, run .. ' ' .. seq)
  call('ZADD', ages, parcel.at, parcel.key)
end

local function load(waiting)
  local count = #waiting
  for _, run in ipairs(waiting) do count = count + call('LLEN', at('inputs', run)) end
  return count
end

-- The run that a message joins: the one that was begun, or else the last that waits.
local function joined(parcel, waiting)
  if parcel.mode ~= 'steer' then return end
  local target
  for index, run in ipairs(waiting) do
    if not queued(run, 'cancel') then
      target = run
      if index == 1 and queued(run, 'attempts') ~= '0' then break end
    end
  end
  if not target or queued(target, 'user') ~= parcel.user then return end
  if tonumber(parcel.trust) >= tonumber(queued(target, 'trust')) then return target end
end

-- Admits a message: as a run of its own, or as an input of one that is not over. `raw` is its parcel
-- as text. Writes nothing unless the answer begins with 'ok'.
local function admit(parcel, raw)
  local before = known_message(parcel)
  if before then return before end
  local waiting = call('LRANGE', at('waiting', parcel.session), 0, -1)
  if load(waiting) >= parcel.max_waiting then return { 'busy' } end
  local target = joined(parcel, waiting)
  if target then
    local seq = call('HGET', at('session', parcel.session), 'seq') or '0'
    remember(parcel, target, seq)
    call('RPUSH', at('inputs', target), raw)
    signal('input:' .. target)
    return { 'ok', 'joined', target, seq }
  end
  local first = waiting[1]
  if parcel.mode == 'interrupt' and first and queued(first, 'attempts') ~= '0' then
    call('HSET', at('queued', first), 'cancel', 1)
    signal('cancel:' .. first)
  end
  local seq = write(parcel.session, { parcel })
  remember(parcel, parcel.run, seq)
  enqueue(parcel, {})
  signal('ready')
  return { 'ok', 'admitted', tostring(seq) }
end

-- Takes a schedule out of every list, and deletes it with its firings.
local function forget_schedule(id)
  local record = at('schedule', id)
  local lists = call('HMGET', record, 'session', 'user', 'status')
  if not lists[1] then return false end
  call('ZREM', at('schedules'), id)
  call('ZREM', at('schedules', 'session', lists[1]), id)
  call('ZREM', at('schedules', 'user', lists[2]), id)
  call('ZREM', at('schedules', 'status', lists[3]), id)
  call('ZREM', at('scheduled'), id)
  call('UNLINK', record, at('firings', id), at('firings', 'slots', id))
  return true
end

-- Writes a schedule down, and puts it into the lists where it belongs.
local function put_schedule(id, fields)
  local record = at('schedule', id)
  local status = call('HGET', record, 'status')
  if status and status ~= fields.status then call('ZREM', at('schedules', 'status', status), id) end
  for field, value in pairs(fields) do call('HSET', record, field, value) end
  call('ZADD', at('schedules'), 0, id)
  call('ZADD', at('schedules', 'session', fields.session), 0, id)
  call('ZADD', at('schedules', 'user', fields.user), 0, id)
  call('ZADD', at('schedules', 'status', fields.status), 0, id)
  if fields.next == '' then
    call('ZREM', at('scheduled'), id)
  else
    call('ZADD', at('scheduled'), fields.next, id)
  end
end
