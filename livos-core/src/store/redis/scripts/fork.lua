-- Makes a session that begins with entries of another.
local CHUNK = 500

local function copy_entries(from, into, up_to)
  local next = 1
  while next <= up_to do
    local entries = call('XRANGE', at('journal', from), next .. '-0', up_to .. '-0', 'COUNT', CHUNK)
    for _, entry in ipairs(entries) do
      call('XADD', at('journal', into), entry[1], unpack(entry[2]))
    end
    if #entries == 0 then return end
    next = next + #entries
  end
end

local function copy_words(from, into, up_to)
  for _, item in ipairs(call('LRANGE', at('said', from), 0, -1)) do
    local seq = tonumber(string.match(item, '^%d+'))
    if seq <= up_to then call('RPUSH', at('said', into), item) end
  end
end

local function perform()
  local from, into, up_to = plan.from, plan.id, plan.up_to
  local origin = at('session', from)
  if call('EXISTS', origin) == 0 then return { 'missing', 'session' } end
  if call('EXISTS', at('session', into)) == 1 then return { 'conflict' } end
  if up_to > tonumber(call('HGET', origin, 'seq') or '0') then return { 'missing', 'entry' } end
  local fields = plan.fields
  if not fields.title then
    fields.title = call('HGET', origin, 'title') or nil
    fields.heading = call('HGET', origin, 'heading') or nil
  end
  fields.model = fields.model or call('HGET', origin, 'model') or nil
  fields.seq = up_to
  copy_entries(from, into, up_to)
  copy_words(from, into, up_to)
  put_session(into, fields)
  return { 'ok', unpack(call('HGETALL', at('session', into))) }
end
