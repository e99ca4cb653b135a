#include "loadgen/run.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <cmath>
#include <deque>

#include "loadgen/client.hpp"
#include "loadgen/workload.hpp"

namespace loadgen {

// Every connection takes the next request when it is free. With a rate, request number n is due n / rate seconds after
// the beginning: a connection that is early waits, one that is late sends at once, and latency counts from when the
// request was due. So the requests that pile up while the server is slow cost no memory and are not forgotten.

namespace asio = boost::asio;
using proxy::Awaitable;

namespace {

struct Load {
    const Options& options;
    const Observer& observer;
    asio::io_context& io;
    std::vector<std::string> fixed_keys{};  // of the demo
    std::optional<KeySampler> sampler{};    // of all else
    std::uint64_t limit = 0;                // number of requests
    std::uint64_t taken = 0;                // of them
    Clock::time_point begin = Clock::now();
    Clock::time_point end = Clock::time_point::max();
    std::deque<Client> clients{};
    std::size_t working = 0;  // of them
    Summary summary{};
};

std::uint64_t request_limit(const Options& options) {
    std::uint64_t limit = options.requests.value_or(UINT64_MAX);
    if (options.rate && options.duration) {
        const double due = std::ceil(*options.rate * std::chrono::duration<double>(*options.duration).count());
        limit = std::min(limit, static_cast<std::uint64_t>(due));
    }
    return limit;
}

Clock::time_point due_time(const Load& load, std::uint64_t number) {
    const std::chrono::duration<double> offset(static_cast<double>(number) / load.options.rate.value());
    return load.begin + std::chrono::duration_cast<Clock::duration>(offset);
}

Outcome outcome_of(const Reply& reply) {
    if (reply.status < 200 || reply.status >= 400) return Outcome::error;
    return reply.hit ? Outcome::hit : Outcome::miss;
}

std::string describe(const boost::system::error_code& error) {
    if (error == proxy::Errc::deadline_exceeded) return "timed out";
    if (error == proxy::Errc::upstream_closed) return "closed before the response was complete";
    return error.message();
}

void record(Load& load, Exchange& exchange, const proxy::Result<Reply>& reply) {
    if (reply) {
        exchange.outcome = outcome_of(*reply);
        if (exchange.outcome == Outcome::error) exchange.error = "status " + std::to_string(reply->status);
    } else {
        exchange.error = describe(reply.error());
        exchange.has_latency = reply.error() == proxy::Errc::deadline_exceeded;
    }
    load.summary.add(exchange);
    if (load.options.demo && load.observer.exchange) load.observer.exchange(exchange, load.limit);
}

Awaitable<void> work(Load& load, Client& client) {
    proxy::Timer timer(load.io.get_executor());
    while (load.taken < load.limit && Clock::now() < load.end) {
        Exchange exchange;
        exchange.number = load.taken++;
        auto begin = Clock::now();
        if (load.options.rate) {
            begin = due_time(load, exchange.number);
            timer.expires_at(begin);
            co_await timer.async_wait(proxy::use_awaitable);
        }
        exchange.key = load.sampler ? load.sampler->next() : load.fixed_keys[exchange.number];
        const proxy::Result<Reply> reply = co_await client.get(exchange.key);
        exchange.latency = Clock::now() - begin;
        record(load, exchange, reply);
    }
    if (--load.working == 0) load.io.stop();
}

double part_done(const Load& load) {
    double part = 0;
    if (load.limit != UINT64_MAX) part = static_cast<double>(load.summary.requests()) / static_cast<double>(load.limit);
    if (load.options.duration)
        part = std::max(part, std::chrono::duration<double>(Clock::now() - load.begin) / *load.options.duration);
    return std::min(part, 1.0);
}

// Looks after time-outs and progress; one timer for all connections.
Awaitable<void> watch(Load& load) {
    const Clock::duration interval = std::clamp<Clock::duration>(
        load.options.timeout / 10, std::chrono::milliseconds{1}, std::chrono::milliseconds{100});
    proxy::Timer timer(load.io.get_executor());
    for (;;) {
        timer.expires_after(interval);
        co_await timer.async_wait(proxy::use_awaitable);
        for (Client& client : load.clients) client.check_deadline(Clock::now());
        load.summary.elapsed = Clock::now() - load.begin;
        if (load.observer.progress) load.observer.progress(load.summary, part_done(load));
    }
}

void rethrow(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
}

Awaitable<void> start(Load& load) {
    const boost::system::error_code error = co_await load.clients.front().connect();
    if (error) throw CannotConnect(error.message());
    load.begin = Clock::now();
    if (load.options.duration) load.end = load.begin + *load.options.duration;
    load.working = load.clients.size();
    for (Client& client : load.clients) asio::co_spawn(load.io, work(load, client), rethrow);
}

std::uint64_t count_not_sent(const Load& load) {
    if (!load.options.rate || Clock::now() < load.end) return 0;  // broken off by a signal
    return load.limit - load.taken;
}

Endpoints resolve(asio::io_context& io, const Url& url) {
    boost::system::error_code error;
    proxy::Resolver resolver(io.get_executor());
    Endpoints found = resolver.resolve(url.host, url.port, error);
    if (error) throw CannotConnect(error.message());
    return found;
}

}  // namespace

Summary run(const Options& options, const Url& url, const Observer& observer) try {
    asio::io_context io(1);
    const Endpoints endpoints = resolve(io, url);
    Load load{options, observer, io};
    if (options.demo) {
        load.fixed_keys = demo_keys();
        load.limit = load.fixed_keys.size();
    } else {
        load.sampler.emplace(options.keys, options.zipf, options.seed);
        load.limit = request_limit(options);
    }
    for (std::size_t i = 0; i < options.connections; ++i)
        load.clients.emplace_back(io.get_executor(), url, endpoints, options.timeout);

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
    asio::co_spawn(io, watch(load), rethrow);
    asio::co_spawn(io, start(load), rethrow);
    io.run();
    load.summary.elapsed = Clock::now() - load.begin;
    load.summary.not_sent = count_not_sent(load);
    return std::move(load.summary);
} catch (const CannotConnect& error) {
    throw CannotConnect("cannot connect to http://" + url.authority + ": " + error.what() + ". Is the server running?");
}

}  // namespace loadgen
