-- Admits a message.
local function perform()
  return admit(plan, ARGV[2])
end
