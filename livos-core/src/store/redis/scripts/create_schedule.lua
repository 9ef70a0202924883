-- Adds a schedule, with its session if that is its own.
local function perform()
  if call('EXISTS', at('schedule', plan.id)) == 1 then return { 'conflict' } end
  if call('EXISTS', at('session', plan.fields.session)) == 0 then
    if not plan.own then return { 'missing' } end
    put_session(plan.fields.session, plan.own)
  end
  put_schedule(plan.id, plan.fields)
  signal('schedule')
  return { 'ok' }
end
