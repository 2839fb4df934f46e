-- wrk ... -s wrk.lua URL -- BODY_FILE CONTENT_TYPE
-- wrk formats the request once, after init(), and sends it again and again.

function init(args)
  local file = assert(io.open(args[1], 'rb'))
  wrk.method = 'POST'
  wrk.body = file:read('*a')
  wrk.headers['Content-Type'] = args[2]
  file:close()
end

-- Durations are in microseconds. wrk counts an HTTP status of 400 or more both as an answer and as an error. To the
-- latencies it adds those of requests that a slow answer kept from being sent.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('answers=%d\nrefused=%d\n', summary.requests, errors.status))
  io.write(string.format('failed=%d\n', errors.connect + errors.read + errors.write + errors.timeout))
  io.write(string.format('micros=%d\nmax=%d\n', summary.duration, latency.max))
  for name, part in pairs({ p50 = 50, p90 = 90, p99 = 99, p999 = 99.9 }) do
    io.write(string.format('%s=%d\n', name, latency:percentile(part)))
  end
end
