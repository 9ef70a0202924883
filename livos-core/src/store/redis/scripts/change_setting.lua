-- Changes a value that has the version expected.
local function perform()
  local settings = at('settings')
  local old = call('HGET', settings, plan.key)
  local version = old and string.match(old, '^%d+') or '0'
  if plan.expected and plan.expected ~= version then return { 'changed', version } end
  local next = string.format('%.0f', tonumber(version) + 1)
  call('HSET', settings, plan.key, next .. ' ' .. plan.value)
  return { 'ok', next }
end
