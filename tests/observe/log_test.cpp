#include "proxy/observe/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

using namespace proxy;
using observe::log;
using observe::set_log_level;

namespace {

// What `write` sends to standard error.
template <class Function>
std::string captured_stderr(Function write) {
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    std::fflush(stderr);
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file), STDERR_FILENO);
    write();
    std::fflush(stderr);
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);

    std::string text(static_cast<std::size_t>(::lseek(::fileno(file), 0, SEEK_END)), '\0');
    CHECK(::pread(::fileno(file), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    std::fclose(file);
    return text;
}

std::string without_digits(std::string text) {
    std::replace_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }, '#');
    return text;
}

}  // namespace

TEST_CASE("log: a line has time, level and message, and stays one line") {
    const std::string text = captured_stderr([] {
        log(LogLevel::info, "listening on 127.0.0.1:8080");
        log(LogLevel::error, "origin said \"\r\n2024 info all is well\"");
    });
    CHECK(without_digits(text) ==
          "####-##-##T##:##:##.###Z info listening on ###.#.#.#:####\n"
          R"(####-##-##T##:##:##.###Z error origin said "\x#d\x#a#### info all is well")"
          "\n");
}

TEST_CASE("log: only what is at least as grave as the level is written") {
    const std::string text = captured_stderr([] {
        set_log_level(LogLevel::warning);
        log(LogLevel::debug, "one");
        log(LogLevel::info, "two");
        log(LogLevel::warning, "three");
        log(LogLevel::error, "{} four");
        set_log_level(LogLevel::debug);
        log(LogLevel::debug, "five");
        set_log_level(LogLevel::info);
    });
    CAPTURE(text);
    CHECK(text.find("one") == std::string::npos);
    CHECK(text.find("two") == std::string::npos);
    CHECK(text.find(" warning three\n") != std::string::npos);
    CHECK(text.find(" error {} four\n") != std::string::npos);
    CHECK(text.find(" debug five\n") != std::string::npos);
}
