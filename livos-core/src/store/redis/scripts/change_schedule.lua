-- Changes a schedule that has the version before, notes firings and admits a run, all or nothing.
local function note(id, firings)
  local texts, slots = at('firings', id), at('firings', 'slots', id)
  for _, firing in ipairs(firings) do
    call('HSET', texts, firing.slot, firing.text)
    call('ZADD', slots, firing.slot, firing.slot)
  end
  for _, slot in ipairs(call('ZRANGE', slots, 0, -1 - plan.kept)) do
    call('HDEL', texts, slot)
    call('ZREM', slots, slot)
  end
end

local function perform()
  local version = call('HGET', at('schedule', plan.id), 'version')
  if not version then return { 'missing' } end
  if version ~= plan.before then return { 'changed', version } end
  local admitted = { 'ok' }
  if plan.run then
    admitted = admit(plan.run, ARGV[3])
    if admitted[1] ~= 'ok' then return admitted end
  end
  note(plan.id, plan.firings)
  put_schedule(plan.id, plan.fields)
  if plan.tell then signal('schedule') end
  return admitted
end
