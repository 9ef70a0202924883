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

-- Tells those who watch a session up to which entry its journal grew.
local function announce(session, seq)
  signals[#signals + 1] = { at('events', session), string.format('%.0f', seq) }
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

-- Takes a run out of those that may be claimed, or that wait for room in their lane or the machine.
local function withdraw(run)
  call('ZREM', at('ready'), run)
  call('ZREM', at('held_back'), run)
  local lane = queued(run, 'lane')
  if lane then call('ZREM', at('parked', lane), run) end
end

-- A run goes no longer in its lane: the first that is parked there may try.
local function leave_lane(run)
  local lane = queued(run, 'lane')
  if not lane then return end
  call('SREM', at('lane', lane), run)
  local next = call('ZPOPMIN', at('parked', lane))[1]
  while next and next ~= first_waiting(queued(next, 'session') or '') do
    next = call('ZPOPMIN', at('parked', lane))[1]
  end
  if next then call('ZADD', at('ready'), queued(next, 'place'), next) end
end

-- The place of a run that is admitted now: the more urgent first, and users by turns.
local function place_of(parcel)
  local taken = tonumber(call('HGET', at('turns'), parcel.priority) or '0')
  local last = at('turns', parcel.priority)
  local turn = math.max(taken, tonumber(call('ZSCORE', last, parcel.user) or '0')) + 1
  call('ZADD', last, turn, parcel.user)
  return string.format('%.0f', parcel.priority * 1e12 + turn)
end

-- Notes that a run took its turn; who has nothing ahead is forgotten.
local function take_turn(place)
  local priority = math.floor(place / 1e12)
  local turn = place - priority * 1e12
  if turn <= tonumber(call('HGET', at('turns'), priority) or '0') then return end
  call('HSET', at('turns'), priority, string.format('%.0f', turn))
  call('ZREMRANGEBYSCORE', at('turns', priority), '-inf', turn)
end

-- Asks a run to stop, with every run that it asked for.
local function stop(run)
  call('HSET', at('queued', run), 'cancel', 1)
  signal('cancel:' .. run)
  for _, child in ipairs(call('SMEMBERS', at('children', run))) do
    if call('EXISTS', at('queued', child)) == 1 then stop(child) end
  end
end

-- The list of those sessions that another started, or that none did.
local function list_with(parent)
  return parent and at('sessions', 'of', parent) or at('sessions')
end

-- Writes a session down as it is said to be.
local function put_session(session, fields)
  local record = at('session', session)
  local place = call('HGET', record, 'place')
  local list = list_with(fields.parent or call('HGET', record, 'parent'))
  if place then call('ZREM', list, place) end
  for field, value in pairs(fields) do call('HSET', record, field, value) end
  call('ZADD', list, 0, fields.place)
end

-- Whether an optional part of the plan is there: JSON's null is a value of its own here.
local function given(part)
  return part ~= nil and part ~= cjson.null
end

-- Takes what people are asked into account.
local function put_approval(session, run, asks)
  call('HSET', at('approval', asks.id), 'state', 'pending', 'record', asks.record)
  call('SADD', at('approvals', 'open', run), asks.id)
  call('ZADD', at('approvals'), 0, asks.id)
  call('ZADD', at('approvals', 'session', session), 0, asks.id)
  call('ZADD', at('approvals', 'run', run), 0, asks.id)
  call('ZADD', at('approvals', 'state', 'pending'), 0, asks.id)
end

local function move_approval(id, run, from, to)
  call('HSET', at('approval', id), 'state', to)
  call('SREM', at('approvals', 'open', run), id)
  call('ZREM', at('approvals', 'state', from), id)
  call('ZADD', at('approvals', 'state', to), 0, id)
end

-- Decides what is open when its run ends.
local function abandon_approvals(run, time)
  for _, id in ipairs(call('SMEMBERS', at('approvals', 'open', run))) do
    move_approval(id, run, 'pending', 'abandoned')
    call('HSET', at('approval', id), 'abandoned', time)
  end
end

-- Adds a rule, if there is room for it.
local function add_rule(rule)
  local rules = at('approval-rules')
  if call('HLEN', rules) >= rule.limit then return false end
  call('HSET', rules, rule.id, rule.text)
  return true
end

-- Keeps an entry of the audit; the oldest go.
local function note(audit)
  local all = at('approval-audit')
  call('ZADD', all, 0, audit.text)
  call('ZREMRANGEBYRANK', all, 0, -audit.limit - 1)
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
    call('ZADD', at('runs', 'trigger', change.set.trigger), 0, run)
    if change.set.parent then call('ZADD', at('runs', 'parent', change.set.parent), 0, run) end
  elseif not state then
    return
  end
  local set = change.set or {}
  -- A run goes on when the last of its open approvals is decided.
  if set.state == 'running' and call('SCARD', at('approvals', 'open', run)) > 0 then
    set.state = 'waiting'
  end
  if set.finished then abandon_approvals(run, set.finished) end
  if set.state and set.state ~= state then
    if state then call('ZREM', at('runs', 'state', state), run) end
    call('ZADD', at('runs', 'state', set.state), 0, run)
  end
  for field, value in pairs(set) do call('HSET', record, field, value) end
  for field, value in pairs(change.add or {}) do call('HINCRBY', record, field, value) end
end

-- What was shown of a run's answer before this entry counts no more.
local function void_answer(session, run, seq)
  local record, live = at('run', run), at('live', session)
  if call('EXISTS', record) == 1 then call('HSET', record, 'void', seq) end
  local first = call('XRANGE', live, '-', '+', 'COUNT', 1)[1]
  if first and first[2][2] == run then call('UNLINK', live) end
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
    if entry.asks then put_approval(session, entry.run, entry.asks) end
    project(session, entry.run, entry.change)
    if entry.said then remember_words(session, seq, entry.said) end
    if entry.voids then void_answer(session, entry.run, seq) end
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
    announce(session, fields.seq)
  end
  return first, ended
end

-- Puts an admitted run into the queue, with the inputs that wait for it already.
local function enqueue(parcel, inputs)
  local run, session, waiting = parcel.run, parcel.session, at('waiting', parcel.session)
  local first = first_waiting(session)
  call('HSET', at('queued', run), 'session', session, 'place', place_of(parcel),
    'user', parcel.user, 'trust', parcel.trust, 'attempts', 0)
  if parcel.lane then
    call('HSET', at('queued', run), 'lane', parcel.lane, 'width', parcel.width)
  end
  if parcel.parent then
    call('HSET', at('queued', run), 'parent', parcel.parent)
    call('SADD', at('children', parcel.parent), run)
    if queued(parcel.parent, 'cancel') then call('HSET', at('queued', run), 'cancel', 1) end
  end
  if parcel.reply_to then call('RPUSH', at('replies', run), parcel.reply_to) end
  if parcel.also_tell then call('RPUSH', at('replies', run), parcel.also_tell) end
  for _, input in ipairs(inputs) do call('RPUSH', at('inputs', run), input) end
  if parcel.mode == 'interrupt' and first and queued(first, 'attempts') ~= '0' then
    call('LINSERT', waiting, 'AFTER', first, run)
  elseif parcel.mode == 'interrupt' then
    call('LPUSH', waiting, run)
  else
    call('RPUSH', waiting, run)
  end
  if first and first ~= first_waiting(session) then withdraw(first) end
  offer_first(session)
end

local function dequeue(run, session)
  call('LREM', at('waiting', session), 1, run)
  withdraw(run)
  leave_lane(run)
  local parent = queued(run, 'parent')
  if parent then call('SREM', at('children', parent), run) end
  call('DEL', at('queued', run), at('inputs', run), at('replies', run))
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
  -- What was never tried is due, whatever the clock says later.
  call('ZADD', at('due'), 0, id)
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
  signal('ended:' .. call('HGET', at('run', run), 'trigger') .. ':' .. run)
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
    stop(first)
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
