// Input: content in the chunked transfer coding, of either direction.

#include <charconv>

#include "proxy/serving/request_parser.hpp"
#include "proxy/upstream/response_parser.hpp"
#include "tests/fuzz/message_content.hpp"

using namespace proxy;
using namespace tests;

namespace {

const LimitsConfig limits{.max_request_body = 1ull << 62};

Content of_request(std::string_view received, std::size_t read_size) {
    std::vector<Field> fields;
    serving::RequestParser parser(fields, limits, "default.example");
    require(!parser.parse("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "the head is well-formed");
    return read_content(parser, received, read_size);
}

Content of_response(std::string_view received, std::size_t read_size) {
    constexpr std::string_view head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    upstream::ResponseParser parser(head, limits.max_header_fields, false);
    boost::system::error_code ec;
    parser.put(boost::asio::buffer(head.data(), head.size()), ec);
    require(!ec && parser.is_header_done(), "the head is well-formed");
    return read_content(parser, received, read_size);
}

std::string_view take_crlf_line(std::string_view& text) {
    const std::size_t end = text.find("\r\n");
    require(end != text.npos, "a line ends with CRLF");
    const std::string_view line = text.substr(0, end);
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos, "nothing in a line ends it for others");
    text.remove_prefix(end + 2);
    return line;
}

// The same content by RFC 9112 §7.1 and nothing else, cut at the first CRLF wherever it stands.
std::string decoded(std::string_view coded) {
    std::string content;
    for (;;) {
        const std::string_view line = take_crlf_line(coded);
        std::uint64_t size = 0;
        const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
        require(ec == std::errc() && line.front() != '-', "a size is a number");
        const std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
        require(rest.empty() || proxy::rules::trim(rest).starts_with(';'), "only extensions follow it");
        require(closes_quotes(rest), "their strings end");
        if (size == 0) break;
        require(size <= coded.size(), "a chunk is whole");
        content += coded.substr(0, size);
        coded.remove_prefix(size);
        require(take_crlf_line(coded).empty(), "nothing but CRLF follows a chunk");
    }
    for (;;) {
        const std::string_view line = take_crlf_line(coded);
        if (line.empty()) break;
        require(proxy::rules::is_token(line.substr(0, line.find(':'))) && line.find(':') != line.npos,
                "trailers are fields");
    }
    require(coded.empty(), "nothing behind it is taken");
    return content;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    const Content request = of_request(bytes, bytes.size());
    const Content response = of_response(bytes, bytes.size());
    for (const std::size_t read_size : {1u, 2u, 7u}) {
        require(of_request(bytes, read_size) == request, "how a request is cut into reads says nothing");
        require(of_response(bytes, read_size) == response, "how a response is cut into reads says nothing");
    }
    if (request.end == Content::End::complete) {
        require(response == request, "either direction means the same");
        require(decoded(bytes.substr(0, request.consumed)) == request.bytes, "every reader finds the same content");
    }
    require(response.end != Content::End::complete || response == request, "either direction means the same");
}
