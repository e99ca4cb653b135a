#pragma once
// What the micro-benchmarks work on: requests as wrk and as a browser send them, and a response of 1 KiB.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.hpp"
#include "proxy/rules/stored_response.hpp"
#include "proxy/serving/request_parser.hpp"

namespace bench {

inline constexpr std::string_view wrk_request = "GET /k/123 HTTP/1.1\r\nHost: bench.test\r\n\r\n";

inline constexpr std::string_view browser_request =
    "GET /k/123?utm_source=feed&page=2 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/articles\r\n"
    "Cookie: session=0123456789abcdef; theme=dark\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n\r\n";

// A request header parsed from its bytes, which are static.
class Request {
 public:
    explicit Request(std::string_view bytes) : parser_(fields_, limits_, "bench.test") { (void)parser_.parse(bytes); }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    operator const proxy::rules::RequestHeader&() const { return parser_.header(); }

 private:
    std::vector<proxy::rules::Field> fields_;
    proxy::LimitsConfig limits_;
    proxy::serving::RequestParser parser_;
};

inline constexpr proxy::rules::Time now{std::chrono::seconds{1'700'000'000}};

inline proxy::rules::StoredPtr response_under(std::string_view key, std::size_t size = 1024) {
    using std::chrono::seconds;
    const std::string content(size, 'x');
    return proxy::rules::StoredResponse::make(
        {.key = key,
         .status = 200,
         .head = "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: application/octet-stream\r\n"
                 "Content-Length: 1024\r\nCache-Control: max-age=3600\r\nVia: 1.1 weir\r\n",
         .arrival = {.request_time = now, .response_time = now, .date = now},
         .freshness = {.lifetime = seconds{3600}, .source = proxy::rules::LifetimeSource::max_age},
         .content = content});
}

}  // namespace bench
