-- Deletes a schedule; its session stays.
local function perform()
  if forget_schedule(plan.id) then return { 'ok' } end
  return { 'missing' }
end
