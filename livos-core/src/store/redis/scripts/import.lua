-- Takes a session over with its journal, and the runs that ended in it.
local function perform()
  if call('EXISTS', at('session', plan.id)) == 1 then return { 'conflict' } end
  for _, run in ipairs(plan.runs) do
    if call('EXISTS', at('run', run.run)) == 0 then project(plan.id, run.run, run.change) end
  end
  write(plan.id, plan.entries)
  put_session(plan.id, plan.fields)
  return { 'ok' }
end
