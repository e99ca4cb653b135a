-- What wrk asks, and how it reports. Arguments behind `--`:
--   one              the URL of the command line
--   zipf COUNT       /k/0 to /k/COUNT-1, Zipf 0.99: a table of requests drawn beforehand, the same in every run
--   each FROM        /k/FROM, /k/FROM+1, ...: never the same twice
--   pipelined DEPTH  the URL of the command line, so many at a time

local function zipf_requests(count, drawn)
    local sums, sum = {}, 0
    for rank = 1, count do
        sum = sum + 1 / rank ^ 0.99
        sums[rank] = sum
    end
    math.randomseed(1)
    local requests = {}
    for i = 1, drawn do
        local wanted, low, high = math.random() * sum, 1, count
        while low < high do
            local middle = math.floor((low + high) / 2)
            if sums[middle] < wanted then low = middle + 1 else high = middle end
        end
        requests[i] = wrk.format(nil, "/k/" .. low - 1)
    end
    return requests
end

local kinds = {}

function kinds.one() end

function kinds.zipf(count)
    local requests, at = zipf_requests(count, 65536), 0
    request = function()
        at = at % #requests + 1
        return requests[at]
    end
end

function kinds.each(from)
    request = function()
        from = from + 1
        return wrk.format(nil, "/k/" .. from)
    end
end

function kinds.pipelined(depth)
    local requests = string.rep(wrk.format(), depth)
    request = function() return requests end
end

function init(args)
    wrk.headers.Host = "bench.test"
    kinds[args[1]](tonumber(args[2]))
end

function done(summary, latency)
    local errors = 0
    for _, count in pairs(summary.errors) do errors = errors + count end
    io.write(string.format('\n{"requests": %d, "seconds": %.6f, "errors": %d, "p50_us": %d, "p99_us": %d}\n',
        summary.requests, summary.duration / 1e6, errors, latency:percentile(50), latency:percentile(99)))
end
