-- Takes a run: one whose lease is over (or was given by a clock that was set back), or the next that
-- waits and whose lane has room.
local function has_room(run)
  local lane = queued(run, 'lane')
  return not lane or call('SCARD', at('lane', lane)) < tonumber(queued(run, 'width'))
end

-- The triggers of runs that nobody waits for.
local background = { schedule = true, task = true, memory = true }

-- What was passed over may be claimed again.
local function let_go()
  local held = call('ZRANGE', at('held_back'), 0, -1, 'WITHSCORES')
  for index = 1, #held, 2 do call('ZADD', at('ready'), held[index + 1], held[index]) end
  if #held > 0 then call('DEL', at('held_back')) end
end

local function next_ready()
  if not plan.foreground then let_go() end
  while true do
    local first = call('ZRANGE', at('ready'), 0, 0, 'WITHSCORES')
    local run, place = first[1], first[2]
    if not run then return end
    if plan.foreground and background[call('HGET', at('run', run), 'trigger')] then
      call('ZREM', at('ready'), run)
      call('ZADD', at('held_back'), place, run)
    elseif has_room(run) then
      take_turn(tonumber(place))
      return run
    else
      call('ZREM', at('ready'), run)
      call('ZADD', at('parked', queued(run, 'lane')), place, run)
    end
  end
end

local function pick()
  local leased = at('leased')
  local run = call('ZRANGEBYSCORE', leased, '-inf', plan.now, 'LIMIT', 0, 1)[1]
    or call('ZRANGEBYSCORE', leased, '(' .. plan.latest, '+inf', 'LIMIT', 0, 1)[1]
  return run or next_ready()
end

local function perform()
  local run = pick()
  if not run then
    local next = call('ZRANGE', at('leased'), 0, 0, 'WITHSCORES')[2]
    local passed_over = plan.foreground and call('EXISTS', at('held_back')) == 1
    return { 'nothing', next or '', passed_over and 'passed_over' or '' }
  end
  local token = tostring(call('HINCRBY', at('counters'), 'token', 1))
  call('ZREM', at('ready'), run)
  call('ZADD', at('leased'), plan.expires, run)
  call('HSET', at('queued', run), 'token', token)
  local lane = queued(run, 'lane')
  if lane then call('SADD', at('lane', lane), run) end
  local attempts = call('HINCRBY', at('queued', run), 'attempts', 1)
  local cancel = queued(run, 'cancel') or '0'
  return { 'ok', run, token, queued(run, 'session'), tostring(attempts), cancel }
end
