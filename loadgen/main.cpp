// weir-loadgen: asks a cache for many things and tells how often it knew the answer, and how fast.

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "loadgen/run.hpp"

namespace {

constexpr int threshold_failed = 2;

// Every connection holds a file descriptor.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void draw_progress(const loadgen::Summary& summary, double part) {
    constexpr int width = 30;
    const std::string bar(static_cast<std::size_t>(part * width), '#');
    std::fprintf(stderr, "\r[%-*s] %3.0f %%  %llu requests  %.0f/s  %llu errors ", width, bar.c_str(), part * 100,
                 static_cast<unsigned long long>(summary.requests()), summary.requests_per_second(),
                 static_cast<unsigned long long>(summary.errors));
}

loadgen::Observer make_observer(const loadgen::Options& options) {
    loadgen::Observer observer;
    if (options.demo)
        observer.exchange = [&lines = options.json ? std::cerr : std::cout](const auto& exchange, std::uint64_t total) {
            lines << exchange_line(exchange, total) << std::endl;
        };
    else if (isatty(STDERR_FILENO) != 0)
        observer.progress = draw_progress;
    return observer;
}

int measure(const loadgen::Options& options) {
    const loadgen::Url url = loadgen::parse_url(options.url);
    const loadgen::Observer observer = make_observer(options);
    const loadgen::Summary summary = loadgen::run(options, url, observer);
    if (observer.progress) std::fputs("\r\033[K", stderr);

    const auto failed = failed_thresholds(summary, options.thresholds);
    if (options.json)
        std::cout << to_json(summary, options.url, failed) << std::endl;
    else
        std::cout << (options.demo ? "\n" : "") << to_text(summary, !options.demo) << std::flush;
    for (const std::string& each : failed) std::cerr << "weir-loadgen: " << each << '\n';
    return failed.empty() ? 0 : threshold_failed;
}

}  // namespace

int main(int argc, char** argv) try {
    loadgen::Options options;
    if (const auto status = loadgen::parse_command_line(argc, argv, options)) return *status;
    raise_descriptor_limit();
    return measure(options);
} catch (const std::exception& error) {
    std::cerr << "weir-loadgen: " << error.what() << '\n';
    return 1;
}
