-- Asks a run to stop; ends one that nobody began with the entry that the plan brings.
local function perform()
  local run = plan.entry.run
  local attempts = queued(run, 'attempts')
  if not attempts then
    local state = call('HGET', at('run', run), 'state')
    if state and state ~= 'queued' and state ~= 'running' and state ~= 'waiting' then return { 'ok', 'over' } end
    return { 'missing' }
  end
  if attempts ~= '0' then
    stop(run)
    signal('ready')
    return { 'ok', 'requested' }
  end
  local session = queued(run, 'session')
  local seq, ended = write(session, { plan.entry })
  complete_all(ended)
  return { 'ok', 'ended', tostring(seq) }
end
