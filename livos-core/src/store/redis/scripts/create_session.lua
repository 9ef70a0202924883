-- Adds a session, unless it exists.
local function perform()
  if call('EXISTS', at('session', plan.id)) == 0 then put_session(plan.id, plan.fields) end
  return { 'ok' }
end
