-- Deletes a session with its journal, runs, queue and replies.
local function delete_run(run)
  local state = call('HGET', at('run', run), 'state')
  if state then call('ZREM', at('runs', 'state', state), run) end
  call('ZREM', at('runs'), run)
  withdraw(run)
  leave_lane(run)
  local parent = call('HGET', at('run', run), 'parent')
  if parent then
    call('SREM', at('children', parent), run)
    call('ZREM', at('runs', 'parent', parent), run)
  end
  call('ZREM', at('runs', 'trigger', call('HGET', at('run', run), 'trigger') or ''), run)
  call('ZREM', at('leased'), run)
  call('UNLINK', at('run', run), at('queued', run), at('inputs', run), at('replies', run),
    at('deliveries', 'run', run), at('approvals', 'run', run), at('approvals', 'open', run))
end

local function delete_delivery(id)
  local state = call('HGET', at('delivery', id), 'state')
  if state then call('ZREM', at('deliveries', 'state', state), id) end
  call('ZREM', at('deliveries'), id)
  call('ZREM', at('due'), id)
  call('ZREM', at('flying'), id)
  call('UNLINK', at('delivery', id))
end

local function delete_approval(id)
  local state = call('HGET', at('approval', id), 'state')
  if state then call('ZREM', at('approvals', 'state', state), id) end
  call('ZREM', at('approvals'), id)
  call('UNLINK', at('approval', id))
end

local function delete(session)
  local record = at('session', session)
  local place = call('HGET', record, 'place')
  if not place then return false end
  for _, child in ipairs(call('ZRANGE', at('sessions', 'of', session), 0, -1)) do
    delete(string.match(child, ':(.*)$'))
  end
  for _, run in ipairs(call('ZRANGE', at('runs', 'session', session), 0, -1)) do delete_run(run) end
  for _, id in ipairs(call('ZRANGE', at('deliveries', 'session', session), 0, -1)) do
    delete_delivery(id)
  end
  for _, id in ipairs(call('ZRANGE', at('approvals', 'session', session), 0, -1)) do
    delete_approval(id)
  end
  for _, id in ipairs(call('ZRANGE', at('schedules', 'session', session), 0, -1)) do
    forget_schedule(id)
  end
  call('ZREM', list_with(call('HGET', record, 'parent')), place)
  call('UNLINK', record, at('journal', session), at('said', session), at('live', session),
    at('waiting', session), at('runs', 'session', session), at('deliveries', 'session', session),
    at('approvals', 'session', session))
  return true
end

local function perform()
  if not delete(plan.id) then return { 'missing' } end
  signal('ready')
  return { 'ok' }
end
