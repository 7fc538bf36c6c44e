-- For wrk: sends the bodies of a file one after the other, and looks into every answer.
-- wrk -s serving.lua http://HOST:PORT -- BODIES PATH HOLDS [LACKS]
-- BODIES has a body a line; an answer is right if its status is 200 and HOLDS is somewhere in it, and LACKS is not.

local threads, requests, place, holds, lacks = {}, {}, 0, "", ""

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local headers = {["Content-Type"] = "application/json"}
  for body in io.lines(args[1]) do
    table.insert(requests, wrk.format("POST", args[2], headers, body))
  end
  holds, lacks = args[3], args[4] or ""
  wrong, shown = 0, ""
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function response(status, headers, body)
  local spoilt = lacks ~= "" and string.find(body, lacks, 1, true)
  if status ~= 200 or spoilt or not string.find(body, holds, 1, true) then
    wrong = wrong + 1
    shown = status .. " " .. string.sub(body, 1, 300)
  end
end

function done(summary, latency)
  local wrong, shown = 0, ""
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    shown = thread:get("shown")
  end
  local errors = summary.errors
  io.write(string.format("\nmeasured %d %d %.1f %.1f %d %d\n%s\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), wrong,
    errors.connect + errors.read + errors.write + errors.timeout, shown))
end
