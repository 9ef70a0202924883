-- Notes that facts of a user were recalled.
local function perform()
  for _, id in ipairs(plan.ids) do
    local fact = at('fact', plan.user, id)
    if call('EXISTS', fact) == 1 then
      call('HINCRBY', fact, 'recalls', 1)
      call('HSET', fact, 'recalled', plan.at)
    end
  end
  return { 'ok' }
end
