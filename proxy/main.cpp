// Start here: builds everything in order, runs it, takes it down in reverse.

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/admin/admin_listener.hpp"
#include "proxy/admin/endpoints.hpp"
#include "proxy/admin/purge_command.hpp"
#include "proxy/config/command_line.hpp"
#include "proxy/config/print_config.hpp"
#include "proxy/config/running_config.hpp"
#include "proxy/observe/access_log.hpp"
#include "proxy/observe/log.hpp"
#include "proxy/serving/worker.hpp"

namespace proxy {
namespace {

// From the command line, the environment and the file, as they are now. Throws ConfigError.
using LoadConfig = std::function<Config()>;

// Each connection takes a descriptor: use what the system allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// What one worker stores another one evicts: with an arena a thread, the process was measured to take up to 1.36 times
// what is in use, with one arena 1.03 times, and no more time.
void share_one_arena() {
    if (std::getenv("MALLOC_ARENA_MAX") == nullptr) mallopt(M_ARENA_MAX, 1);
}

std::string to_text(const Endpoint& endpoint) {
    const bool v6 = endpoint.host.find(':') != endpoint.host.npos;
    return (v6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(endpoint.port);
}

observe::Sources sources_of(const std::vector<std::unique_ptr<serving::Worker>>& workers,
                            const store::MemoryStore& memory, const Config& config) {
    observe::Sources sources;
    sources.memory = &memory;
    sources.memory_budget = config.memory.budget;
    for (const auto& worker : workers) {
        sources.workers.push_back(&worker->metrics());
        if (config.redis) {
            sources.redis.push_back(worker->redis_stats());
            sources.redis_store.push_back(worker->redis_store_stats());
            sources.leases.push_back(worker->lease_stats());
        }
    }
    return sources;
}

void say_what_is_local(const Config& config) {
    for (const std::string& path : config.local)
        observe::log(LogLevel::info, "answered locally, whatever the origin has there: " + path);
}

void say_what_needs_a_restart(const std::vector<std::string>& keys) {
    if (keys.empty()) return;
    std::string text = "not taken over, it needs a restart:";
    for (const std::string& key : keys) text += ' ' + key;
    observe::log(LogLevel::warning, text);
}

// For all workers, or, where the configuration is wrong, for none. Never for requests that have begun.
void reload(RunningConfig& running, const LoadConfig& load, BufferBudget& buffers,
            const std::vector<std::unique_ptr<serving::Worker>>& workers) {
    const std::shared_ptr<const Config> before = running.get();
    try {
        say_what_needs_a_restart(running.replace(load()));
    } catch (const std::exception& error) {
        running.replace_failed();
        if (const auto* wrong = dynamic_cast<const ConfigError*>(&error))
            for (const std::string& problem : wrong->problems()) observe::log(LogLevel::error, problem);
        else
            observe::log(LogLevel::error, error.what());
        observe::log(LogLevel::error, "the configuration was not reloaded, the one before stays in force");
        return;
    }
    const std::shared_ptr<const Config> config = running.get();
    observe::set_log_level(config->log.level);
    if (config->local != before->local) say_what_is_local(*config);
    buffers.set_limit(config->limits.max_buffers);
    const auto left = std::make_shared<std::atomic<std::size_t>>(workers.size());
    for (const auto& worker : workers)
        worker->reload(config, [left] {
            if (--*left == 0) observe::log(LogLevel::info, "the configuration was reloaded");
        });
}

// The node, from the first thread to the last. `load`: for SIGHUP.
int run(Config first, const LoadConfig& load) {
    RunningConfig running(std::move(first));
    const std::shared_ptr<const Config> start = running.get();
    const Config& config = *start;
    observe::set_log_level(config.log.level);
    raise_descriptor_limit();
    share_one_arena();
    signal(SIGPIPE, SIG_IGN);
    asio::io_context signals_io(1);
    asio::signal_set signals(signals_io, SIGHUP);  // it would end the process; what means to end it does so until then

    std::unique_ptr<observe::AccessLog> access_log;
    if (!config.log.access.empty()) access_log = std::make_unique<observe::AccessLog>(config.log.access);
    store::Purges purges(config.purge.max_entries);
    store::MemoryStore memory(config.memory, purges);
    std::optional<store::PurgeLog> purge_log;
    if (config.redis) purge_log.emplace(purges, config.purge, *config.redis);

    BufferBudget buffers(config.limits.max_buffers);
    serving::ClientAddresses clients;
    upstream::PoolStatsTable pool_stats;
    serving::Transfers transfers(config.collapse, purges, buffers);
    store::LeaseEvents lease_events(config.redis ? config.redis->max_lease_waiters : 0);
    serving::Node node{.config = start,
                       .buffers = buffers,
                       .clients = clients,
                       .pool_stats = pool_stats,
                       .memory = memory,
                       .transfers = transfers,
                       .lease_events = lease_events,
                       .purges = purges,
                       .purge_log = purge_log ? &*purge_log : nullptr,
                       .local = {},
                       .access_log = {},
                       .log = observe::log};
    if (access_log) node.access_log = [&](const observe::ExchangeRecord& record) { access_log->write(record); };

    std::vector<std::unique_ptr<serving::Worker>> workers;
    const unsigned worker_count =
        config.workers != 0 ? config.workers : std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < worker_count; ++i)
        workers.push_back(std::make_unique<serving::Worker>(node, i, worker_count));
    for (Endpoint endpoint : config.listen) {
        for (const auto& worker : workers) endpoint.port = worker->listen(endpoint);
        observe::log(LogLevel::info, "listening on " + to_text(endpoint));
    }

    admin::Readiness readiness;
    observe::Sources sources = sources_of(workers, memory, config);
    sources.access_log = access_log.get();
    sources.config = &running;
    sources.buffers = &buffers;
    sources.pools = [&pool_stats] { return pool_stats.all(); };
    sources.transfers = [&transfers] {
        const serving::Transfers::Stats stats = transfers.stats();
        return observe::TransferStats{stats.in_flight, stats.marks, stats.bytes};
    };
    sources.lease_events = &lease_events.stats();
    sources.purges = &purges;
    sources.purge_log = purge_log ? &*purge_log : nullptr;
    const std::vector<const store::RedisStats*> redis = sources.redis;
    const observe::Metrics metrics(std::move(sources));
    const admin::Endpoints endpoints(metrics, redis, readiness);
    node.local = [&](std::string_view path) -> std::optional<serving::LocalResponse> {
        auto response = endpoints.answer(path);
        if (!response) return std::nullopt;
        return serving::LocalResponse{response->status, std::move(response->content_type), std::move(response->body)};
    };
    say_what_is_local(config);

    const admin::PurgeApi purge_api{.config = [&running] { return running.get(); },
                                    .purges = purges,
                                    .log = node.purge_log,
                                    .purge =
                                        [&worker = *workers.front()](store::Purge purge, admin::PurgeApi::Done done) {
                                            worker.purge_for_admin(std::move(purge), std::move(done));
                                        }};
    std::unique_ptr<admin::AdminListener> admin_listener;
    if (config.admin.listen) {
        admin_listener =
            std::make_unique<admin::AdminListener>(*config.admin.listen, endpoints, seconds{10}, &purge_api);
        observe::log(LogLevel::info,
                     "admin endpoints on " + to_text({config.admin.listen->host, admin_listener->port()}));
    }

    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) signals.add(signal);
    Timer drain_delay(signals_io.get_executor()), overdue(signals_io.get_executor());
    const auto stop = [&](bool now) {
        observe::log(LogLevel::info, now ? "stopping at once" : "draining: exchanges in flight are finished");
        for (const auto& worker : workers) now ? worker->stop_now() : worker->stop();
    };
    bool leaving = false, at_once = false;
    const auto stop_at_once = [&] {
        at_once = true;
        stop(true);
    };
    const auto leave = [&] {
        readiness.ready = false;
        for (const auto& worker : workers) worker->leave();
        const milliseconds delay = running.get()->drain_delay;
        if (delay > milliseconds{0})
            observe::log(LogLevel::info, "leaving: connections are accepted for a while, until /readyz has been seen");
        drain_delay.expires_after(delay);
        drain_delay.async_wait([&](boost::system::error_code ec) {
            if (ec) return;
            stop(false);
            overdue.expires_after(running.get()->drain_deadline + seconds{2});
            overdue.async_wait([&](boost::system::error_code stopped) {
                if (!stopped) stop_at_once();
            });
        });
    };
    std::function<void()> await_signal = [&] {
        signals.async_wait([&](boost::system::error_code ec, int signal) {
            if (ec) return;
            if (signal == SIGUSR1) {
                if (access_log) access_log->reopen();  // after logrotate
            } else if (signal == SIGHUP) {
                reload(running, load, buffers, workers);
            } else if (!std::exchange(leaving, true)) {
                leave();
            } else {
                drain_delay.cancel();
                stop_at_once();
            }
            await_signal();
        });
    };
    await_signal();

    workers.front()->catch_up();
    std::vector<std::thread> threads;
    for (const auto& worker : workers) threads.emplace_back([&worker = *worker] { worker.run(); });
    readiness.ready = true;
    observe::log(LogLevel::info, "ready, " + std::to_string(worker_count) + " workers");
    std::thread last([&] {
        for (std::size_t i = threads.size(); i-- > 1;) threads[i].join();
        workers.front()->others_have_ended();
        threads.front().join();
        signals_io.stop();
    });
    signals_io.run();
    last.join();
    observe::log(LogLevel::info, "stopped");
    if (at_once) {  // what follows would wait for names that the system is looking up: that cannot be broken off
        admin_listener.reset();
        access_log.reset();  // writes what it has
        std::_Exit(EXIT_SUCCESS);
    }
    return EXIT_SUCCESS;
}

int purge(const std::vector<std::string>& arguments, const Environment& environment) {
    const admin::PurgeCommand command = admin::parse_purge_command(arguments, environment);
    if (command.help) {
        std::fputs(admin::purge_help().c_str(), stdout);
    } else {
        std::puts(admin::run_purge_command(command, seconds{10}).c_str());
    }
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace proxy

int main(int argc, char** argv) {
    using proxy::Invocation;
    const proxy::Environment environment = [](const char* name) -> const char* { return std::getenv(name); };
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const proxy::LoadConfig load = [&] { return proxy::parse_command_line(arguments, environment).config; };
    try {
        if (!arguments.empty() && arguments.front() == "purge")
            return proxy::purge({arguments.begin() + 1, arguments.end()}, environment);
        Invocation invocation = proxy::parse_command_line(arguments, environment);
        switch (invocation.action) {
            case Invocation::Action::help: std::fputs(proxy::help_text().c_str(), stdout); return EXIT_SUCCESS;
            case Invocation::Action::version: std::puts("weir " WEIR_VERSION); return EXIT_SUCCESS;
            case Invocation::Action::check: std::puts("the configuration is valid"); return EXIT_SUCCESS;
            case Invocation::Action::print_config:
                std::fputs(proxy::print_config(std::move(invocation.config)).c_str(), stdout);
                return EXIT_SUCCESS;
            case Invocation::Action::run: return proxy::run(std::move(invocation.config), load);
        }
    } catch (const std::exception& e) {
        std::fprintf(stderr, "weir: %s\n", e.what());
    }
    return EXIT_FAILURE;
}
