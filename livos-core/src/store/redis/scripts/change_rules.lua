-- Adds a rule or removes one.
local function perform()
  if given(plan.add) then
    if not add_rule(plan.add) then return { 'rules' } end
  elseif call('HDEL', at('approval-rules'), plan.remove) == 0 then
    return { 'missing' }
  end
  note(plan.audit)
  return { 'ok' }
end
