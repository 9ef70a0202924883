-- Gives a run back.
local function perform()
  if not holds(plan.lease) then return { 'lost' } end
  local run = plan.lease.run
  call('HDEL', at('queued', run), 'token')
  call('ZREM', at('leased'), run)
  leave_lane(run)
  offer_first(queued(run, 'session'))
  signal('ready')
  return { 'ok' }
end
