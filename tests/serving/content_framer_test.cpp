#include "proxy/serving/content_framer.hpp"

#include <doctest/doctest.h>

using namespace proxy;
using namespace proxy::serving;

namespace {

std::string text_of(std::span<asio::const_buffer> buffers) {
    std::string text;
    for (const asio::const_buffer& buffer : buffers)
        text.append(static_cast<const char*>(buffer.data()), buffer.size());
    return text;
}

}  // namespace

TEST_CASE("content as the client's framing wants it: RFC 9112 §6, §7.1") {
    const asio::const_buffer pieces[] = {asio::buffer("0123456", 7), asio::buffer("789abcdef", 9)};
    const std::string none, trailers = "A: b\r\n";
    struct Row {
        Framing framing;
        upstream::Buffers pieces;
        std::optional<std::string> trailers;
        std::string_view expected;
    };
    const Row rows[] = {
        {Framing::content_length, {}, std::nullopt, ""},
        {Framing::content_length, pieces, std::nullopt, "0123456789abcdef"},
        {Framing::content_length, pieces, trailers, "0123456789abcdef"},
        {Framing::until_close, pieces, none, "0123456789abcdef"},
        {Framing::none, {}, none, ""},
        {Framing::chunked, {}, std::nullopt, ""},
        {Framing::chunked, {}, none, "0\r\n\r\n"},
        {Framing::chunked, {}, trailers, "0\r\nA: b\r\n\r\n"},
        {Framing::chunked, pieces, std::nullopt, "10\r\n0123456789abcdef\r\n"},
        {Framing::chunked, pieces, none, "10\r\n0123456789abcdef\r\n0\r\n\r\n"},
        {Framing::chunked, pieces, trailers, "10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.expected);
        ContentFramer framer(row.framing);
        CHECK(text_of(framer.frame(row.pieces, row.trailers)) == row.expected);
        framer.put_first("head\r\n\r\n");
        CHECK(text_of(framer.frame(row.pieces, row.trailers)) == "head\r\n\r\n" + std::string(row.expected));
        CHECK(text_of(framer.frame(row.pieces, row.trailers)) == row.expected);
    }
}
