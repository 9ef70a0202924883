-- Lets a lease last longer.
local function perform()
  if not holds(plan.lease) then return { 'lost' } end
  local run = plan.lease.run
  call('ZADD', at('leased'), plan.expires, run)
  return { 'ok', queued(run, 'cancel') or '0', tostring(call('LLEN', at('inputs', run))) }
end
