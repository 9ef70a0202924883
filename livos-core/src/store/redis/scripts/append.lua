-- Appends entries to a session, under a lease or not.

-- Takes inputs out of those that wait for a run; its reply is then owed to their senders too.
local function join(run, ids)
  local waiting, found = {}, {}
  for _, raw in ipairs(call('LRANGE', at('inputs', run), 0, -1)) do
    local parcel = cjson.decode(raw)
    waiting[parcel.run] = { raw = raw, parcel = parcel }
  end
  for _, id in ipairs(ids) do
    if not waiting[id] then return id end
    found[#found + 1] = waiting[id]
  end
  local replies = {}
  for _, to in ipairs(call('LRANGE', at('replies', run), 0, -1)) do replies[to] = true end
  for _, input in ipairs(found) do
    call('LREM', at('inputs', run), 1, input.raw)
    for _, field in ipairs({ 'reply_to', 'also_tell' }) do
      local to = input.parcel[field]
      if to and not replies[to] then
        replies[to] = true
        call('RPUSH', at('replies', run), to)
      end
    end
  end
end

local function perform()
  if plan.lease and not holds(plan.lease) then return { 'lost' } end
  if #plan.joins > 0 and #plan.entries > 0 then
    local missing = join(plan.entries[1].run, plan.joins)
    if missing then return { 'missing', missing } end
  end
  record_usage(plan.usage)
  local first, ended = write(plan.session, plan.entries)
  complete_all(ended)
  return { 'ok', tostring(first) }
end
