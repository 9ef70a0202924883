-- Adds what model calls used.
local function perform()
  record_usage(plan.usage)
  return { 'ok' }
end
