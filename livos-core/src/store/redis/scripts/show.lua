-- Shows something that the journal does not keep, and keeps it until the journal grows.
local function perform()
  local live = at('live', plan.session)
  local number = call('HINCRBY', at('counters'), 'shown', 1)
  call('XADD', live, 'MAXLEN', '~', plan.kept, number .. '-0', 'e', ARGV[3])
  -- A run that nobody takes over must not leave it for ever.
  call('PEXPIRE', live, 3600000)
  call('PUBLISH', at('events', plan.session), string.format('%.0f', number) .. ' ' .. ARGV[3])
  return { 'ok' }
end
