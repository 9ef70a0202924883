-- Changes a delivery that is as it was when the change was thought out.
local function perform()
  local delivery = at('delivery', plan.id)
  local state = call('HGET', delivery, 'state')
  if not state then return { 'missing' } end
  if state ~= plan.state or call('HGET', delivery, 'token') ~= plan.token then return { 'changed' } end
  call('HDEL', delivery, 'error', 'receipt')
  for field, value in pairs(plan.fields) do call('HSET', delivery, field, value) end
  move_delivery(plan.id, state, plan.fields.state, plan.fields.next)
  if plan.tell then signal('due') end
  return { 'ok' }
end
