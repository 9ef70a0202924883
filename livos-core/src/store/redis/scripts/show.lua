-- Shows what the journal does not keep. What is part of an answer is kept until an entry makes it void.
local function perform()
  for index, event in ipairs(plan.events) do
    local void = call('HGET', at('run', event.run), 'void')
    if not void or event.after >= tonumber(void) then
      local number = string.format('%.0f', call('HINCRBY', at('counters'), 'shown', 1))
      local body = ARGV[2 + index]
      if event.kept then
        local live = at('live', event.session)
        call('XADD', live, 'MAXLEN', '~', plan.kept, number .. '-0', 'r', event.run, 'e', body)
        -- A run that nobody takes over must not leave it for ever.
        call('PEXPIRE', live, 3600000)
      end
      call('PUBLISH', at('events', event.session), number .. ' ' .. body)
    end
  end
  return { 'ok' }
end
