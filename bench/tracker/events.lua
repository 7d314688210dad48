-- What wrk sends: events as Python dlt makes them, each with a messageId of its own.
--
--   wrk … -s events.lua URL -- RUN BATCH [DELAY]
--
-- RUN is a word that no other run has, BATCH the number of events in a request (1: a single event), DELAY how many
-- milliseconds each connection waits before a request. Prints what it measured as one line of JSON.

local threads = {}

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

-- Everything of an event but the digits that make it another one.
local function parts(run)
   local id = string.format("%s-%d-", run, number)
   local first = '{"messageId":"' .. id
   local second = '","anonymousId":"5900737068dbc1906b124d87fc98'
   local third = '","event":"pipeline_load","type":"track","properties":{"host":"dlt","elapsed":1.2738194465637207,'
      .. '"success":true,"event_category":"pipeline","event_name":"load","destination_name":"duckdb",'
      .. '"destination_type":"dlt.destinations.duckdb","destination_fingerprint":"",'
      .. '"pipeline_name_hash":"cv01Cetl9bjYmZcWw0lA","dataset_name_hash":"Rt3lXq0kTz7yPnD2VbJc",'
      .. '"default_schema_name_hash":"Kd82jfhLQmcoW9sZx1Ba","transaction_id":"d1f4c2b8a7e64f0c9b35"},'
      .. '"context":{"ci_run":false,"python":"3.11.7","cpu":8,"exec_info":["docker"],'
      .. '"os":{"name":"Linux","version":"6.18.44"},"library":{"name":"dlt","version":"1.31.0"}}}'
   return first, second, third
end

function init(args)
   local run, batch, delay_ms = args[1], tonumber(args[2]), tonumber(args[3])
   local first, second, third = parts(run)
   local count = 0
   local head = "POST /v1/" .. (batch == 1 and "track" or "batch") .. " HTTP/1.1\r\nHost: tracker\r\n"
      .. "Content-Type: application/json\r\nAuthorization: Basic a2V5Og==\r\nContent-Length: "
   local pieces = {}
   local function event(at)
      count = count + 1
      pieces[at], pieces[at + 1] = first, string.format("%010d", count)
      pieces[at + 2], pieces[at + 3], pieces[at + 4] = second, string.format("%04d", count % 7919), third
   end
   if batch == 1 then
      event(2)
      pieces[1] = head .. #table.concat(pieces, "", 2) .. "\r\n\r\n"
      request = function()
         event(2)
         return table.concat(pieces)
      end
   else
      local opening, closing = '{"writeKey":"key","batch":[', "]}"
      local function fill()
         local at = 2
         for i = 1, batch do
            event(at)
            at = at + 5
            pieces[at] = i < batch and "," or closing
            at = at + 1
         end
      end
      pieces[1] = opening
      fill()
      pieces[1] = head .. #table.concat(pieces) .. "\r\n\r\n" .. opening
      request = function()
         fill()
         return table.concat(pieces)
      end
   end
   if delay_ms then
      delay = function() return delay_ms end
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"max":%d,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
