-- Takes a run: one whose lease is over (or was given by a clock that was set back), or the next that
-- waits and whose lane has room.
local function has_room(run)
  local lane = queued(run, 'lane')
  return not lane or call('SCARD', at('lane', lane)) < tonumber(queued(run, 'width'))
end

local function next_ready()
  while true do
    local first = call('ZRANGE', at('ready'), 0, 0, 'WITHSCORES')
    local run, place = first[1], first[2]
    if not run then return end
    if has_room(run) then
      take_turn(tonumber(place))
      return run
    end
    call('ZREM', at('ready'), run)
    call('ZADD', at('parked', queued(run, 'lane')), place, run)
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
    return { 'nothing', next }
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
