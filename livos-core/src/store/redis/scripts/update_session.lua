-- Changes a session and gives it back.
local function perform()
  local record = at('session', plan.id)
  if call('EXISTS', record) == 0 then return { 'missing' } end
  local fields = plan.fields
  fields.place = fields.place or call('HGET', record, 'place')
  put_session(plan.id, fields)
  return { 'ok', unpack(call('HGETALL', record)) }
end
