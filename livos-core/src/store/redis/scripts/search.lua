-- Which of some sessions mention all words: in their title, or in one thing that was said.
local function mentions(text)
  for _, word in ipairs(plan.words) do
    if not string.find(text, word, 1, true) then return false end
  end
  return true
end

local function found(session)
  local heading = call('HGET', at('session', session), 'heading')
  if heading and mentions(heading) then return true end
  for _, item in ipairs(call('LRANGE', at('said', session), 0, -1)) do
    if mentions(item) then return true end
  end
  return false
end

local function perform()
  local answer = { 'found' }
  for _, session in ipairs(plan.sessions) do
    if found(session) then answer[#answer + 1] = session end
  end
  return answer
end
