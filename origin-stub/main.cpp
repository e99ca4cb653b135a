// weir-origin-stub: a slow origin server to put behind a cache.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <iostream>

#include "origin-stub/server.hpp"

namespace {

namespace asio = boost::asio;

struct Options {
    std::string listen = "127.0.0.1:9000";
    double latency_ms = 200;
};

constexpr const char* footer = R"(
Paths:
  /items/{key}   JSON about the key, after the latency; any method
  /versioned/{key}  text that says its version; POST raises that, to be seen in ETag; all parts of the key between
                 slashes are its Surrogate-Keys
  /echo          the request as it arrived, as JSON; any method
  /stats         how many requests came, for what and at once; POST /stats/reset starts anew
  /health        200

Per-request knobs in the query of /items, /versioned and /echo:
  latency_ms= size= status= drip_ms= chunked=1 trailers=1 http10=1 close=1 range=1
  cache_control= etag= last_modified=SECONDS|-SECONDS|+SECONDS expires=-SECONDS|+SECONDS|TEXT
  age= vary= set_cookie= header=Name:Value no_date=1 interim=100|102|103
  truncate=BYTES reset=1 hang=1 garbage=1 surplus=TEXT

Examples:
  weir-origin-stub --listen 127.0.0.1:9000 --latency 200ms
  weir-origin-stub --listen 127.0.0.1:0      any free port; the first line on stdout says which
  curl 'http://127.0.0.1:9000/items/foo?latency_ms=0&cache_control=max-age=60')";

// Every waiting client holds a file descriptor.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void serve(const Options& options) {
    origin_stub::Origin origin;  // before the io_context: coroutines left over at the end refer to it
    origin.latency = std::chrono::milliseconds{static_cast<std::int64_t>(options.latency_ms)};
    asio::io_context io(1);
    proxy::Acceptor acceptor = origin_stub::listen_on(io, options.listen);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });

    std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
    asio::co_spawn(io, origin_stub::accept_clients(acceptor, origin), asio::detached);
    io.run();
}

}  // namespace

int main(int argc, char** argv) try {
    Options options;
    CLI::App app("A slow origin server to put behind a cache.", "weir-origin-stub");
    app.footer(footer);
    app.set_version_flag("--version", "weir-origin-stub " WEIR_VERSION);
    app.add_option("--listen", options.listen, "HOST:PORT to listen on; port 0: any free one")->capture_default_str();
    app.add_option("--latency", options.latency_ms, "before each answer, e.g. 200ms or 1.5s; default 200ms")
        ->envname("ORIGIN_LATENCY_MS")
        ->transform(CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 1}, {"s", 1000}}))
        ->check(CLI::Range(0.0, 600'000.0));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 1;
    }
    raise_descriptor_limit();
    serve(options);
    return 0;
} catch (const std::exception& error) {
    std::cerr << "weir-origin-stub: " << error.what() << '\n';
    return 1;
}
