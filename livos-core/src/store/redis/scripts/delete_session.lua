-- Deletes a session with its journal, runs, queue and replies.
local function delete_run(run)
  local state = call('HGET', at('run', run), 'state')
  if state then call('ZREM', at('runs', 'state', state), run) end
  call('ZREM', at('runs'), run)
  call('ZREM', at('ready'), run)
  call('ZREM', at('leased'), run)
  call('UNLINK', at('run', run), at('queued', run), at('inputs', run), at('replies', run),
    at('deliveries', 'run', run))
end

local function delete_delivery(id)
  local state = call('HGET', at('delivery', id), 'state')
  if state then call('ZREM', at('deliveries', 'state', state), id) end
  call('ZREM', at('deliveries'), id)
  call('ZREM', at('due'), id)
  call('ZREM', at('flying'), id)
  call('UNLINK', at('delivery', id))
end

local function perform()
  local session = plan.id
  local place = call('HGET', at('session', session), 'place')
  if not place then return { 'missing' } end
  for _, run in ipairs(call('ZRANGE', at('runs', 'session', session), 0, -1)) do delete_run(run) end
  for _, id in ipairs(call('ZRANGE', at('deliveries', 'session', session), 0, -1)) do
    delete_delivery(id)
  end
  for _, id in ipairs(call('ZRANGE', at('schedules', 'session', session), 0, -1)) do
    forget_schedule(id)
  end
  call('ZREM', at('sessions'), place)
  call('UNLINK', at('session', session), at('journal', session), at('said', session),
    at('live', session), at('waiting', session), at('runs', 'session', session), at('deliveries', 'session', session))
  return { 'ok' }
end
