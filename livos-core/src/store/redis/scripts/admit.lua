-- Admits a message: as a run of its own, or as an input of one that is not over.
local keys, ages = at('keys'), at('keys', 'ages')

local function known()
  local found = plan.key and call('HGET', keys, plan.key)
  if found then return { 'ok', 'known', string.sub(found, 1, 36), string.sub(found, 38) } end
end

-- Notes the key of the message, and forgets some that are old.
local function remember(run, seq)
  if not plan.key then return end
  local old = call('ZRANGEBYSCORE', ages, '-inf', '(' .. plan.forget_before, 'LIMIT', 0, 16)
  for _, key in ipairs(old) do
    call('HDEL', keys, key)
    call('ZREM', ages, key)
  end
  call('HSET', keys, plan.key, run .. ' ' .. seq)
  call('ZADD', ages, plan.at, plan.key)
end

local function load(waiting)
  local count = #waiting
  for _, run in ipairs(waiting) do count = count + call('LLEN', at('inputs', run)) end
  return count
end

-- The run that the message joins: the one that was begun, or else the last that waits.
local function joined(waiting)
  if plan.mode ~= 'steer' then return end
  local target
  for index, run in ipairs(waiting) do
    if not queued(run, 'cancel') then
      target = run
      if index == 1 and queued(run, 'attempts') ~= '0' then break end
    end
  end
  if not target or queued(target, 'user') ~= plan.user then return end
  if tonumber(plan.trust) >= tonumber(queued(target, 'trust')) then return target end
end

local function perform()
  local before = known()
  if before then return before end
  local waiting = call('LRANGE', at('waiting', plan.session), 0, -1)
  if load(waiting) >= plan.max_waiting then return { 'busy' } end
  local target = joined(waiting)
  if target then
    local seq = call('HGET', at('session', plan.session), 'seq') or '0'
    remember(target, seq)
    call('RPUSH', at('inputs', target), ARGV[2])
    signal('input:' .. target)
    return { 'ok', 'joined', target, seq }
  end
  local first = waiting[1]
  if plan.mode == 'interrupt' and first and queued(first, 'attempts') ~= '0' then
    stop(first)
  end
  local seq = write(plan.session, { plan })
  remember(plan.run, seq)
  enqueue(plan, {})
  signal('ready')
  return { 'ok', 'admitted', tostring(seq) }
end
