-- Takes deliveries that are due, and those whose worker's lease is over.
local function range(key, from, to, limit)
  if limit <= 0 then return {} end
  return call('ZRANGEBYSCORE', at(key), from, to, 'LIMIT', 0, limit)
end

local function hand_out(id)
  local delivery = at('delivery', id)
  local state = call('HGET', delivery, 'state')
  local token = tostring(call('HINCRBY', at('counters'), 'token', 1))
  if state == 'in_flight' then call('HSET', delivery, 'sent', 1) end
  call('HSET', delivery, 'state', 'in_flight', 'next', plan.expires, 'token', token)
  call('HINCRBY', delivery, 'attempts', 1)
  move_delivery(id, state, 'in_flight', plan.expires)
  return { id, unpack(call('HGETALL', delivery)) }
end

local function perform()
  local taken = {}
  local function take(ids)
    for _, id in ipairs(ids) do taken[#taken + 1] = hand_out(id) end
  end
  take(range('flying', '-inf', plan.now, plan.limit))
  take(range('due', '-inf', plan.now, plan.limit - #taken))
  take(range('flying', '(' .. plan.latest, '+inf', plan.limit - #taken))
  local verdict = #taken > 0 and 'ok' or 'nothing'
  local due = call('ZRANGE', at('due'), 0, 0, 'WITHSCORES')[2] or ''
  local flying = call('ZRANGE', at('flying'), 0, 0, 'WITHSCORES')[2] or ''
  return { verdict, due, flying, unpack(taken) }
end
