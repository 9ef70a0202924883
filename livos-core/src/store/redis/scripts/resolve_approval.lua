-- Decides a request that is open, with the entry and the rule that the plan brings.
local function perform()
  local approval = at('approval', plan.id)
  local state = call('HGET', approval, 'state')
  if not state then return { 'missing' } end
  if state ~= 'pending' then return { 'changed' } end
  if given(plan.rule) and not add_rule(plan.rule) then return { 'rules' } end
  note(plan.audit)
  move_approval(plan.id, plan.run, state, plan.state)
  local seq = write(plan.session, { plan.entry })
  call('HSET', approval, 'record', plan.record, 'seq', tostring(seq))
  signal('approval:' .. plan.run)
  return { 'ok', tostring(seq) }
end
