-- Adds, changes and removes facts of a user, all or nothing.
local function fact_at(id)
  return at('fact', plan.user, id)
end

local function free_key(id)
  local key = call('HGET', fact_at(id), 'key')
  if key then call('HDEL', at('facts', 'keys', plan.user), key) end
end

local function perform()
  local keys, all = at('facts', 'keys', plan.user), at('facts', 'all', plan.user)
  local changed = at('facts', 'changed', plan.user)
  local moves = {}
  for _, id in ipairs(plan.removes) do moves[id] = true end
  for _, put in ipairs(plan.puts) do
    moves[put.id] = true
    local version = call('HGET', fact_at(put.id), 'version') or '0'
    if version ~= put.before then return { 'changed', put.id, version } end
  end
  for _, put in ipairs(plan.puts) do
    local holder = put.key and call('HGET', keys, put.key)
    if holder and not moves[holder] then return { 'known', holder } end
  end
  local revision = call('HINCRBY', at('facts', 'revisions'), plan.user, 1)
  local removed = 0
  for _, id in ipairs(plan.removes) do
    free_key(id)
    if call('DEL', fact_at(id)) == 1 then
      removed = removed + 1
      call('ZREM', all, id)
      call('ZADD', changed, revision, id)
    end
  end
  for _, put in ipairs(plan.puts) do free_key(put.id) end
  for _, put in ipairs(plan.puts) do
    local fact = fact_at(put.id)
    call('HSET', fact, 'record', put.record, 'version', put.version)
    call('HDEL', fact, 'key', 'embedding')
    if put.embedding then call('HSET', fact, 'embedding', put.embedding) end
    if put.key then
      call('HSET', fact, 'key', put.key)
      call('HSET', keys, put.key, put.id)
    end
    call('ZADD', all, 0, put.id)
    call('ZADD', changed, revision, put.id)
  end
  return { 'ok', string.format('%.0f', removed) }
end
