#pragma once
// Reads a message's content as upstream::read_content does, from reads of a given size.

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <string>

#include "proxy/upstream/chunks.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace tests {

struct Content {
    enum class End { complete, wants_more, malformed } end;
    std::string bytes;  // where it is not malformed
    std::size_t consumed = 0;
    friend bool operator==(const Content&, const Content&) = default;
};

// `parser` has parsed the header section.
template <class Parser>
Content read_content(Parser& parser, std::string_view received, std::size_t read_size) {
    Content content{.end = Content::End::wants_more, .bytes = {}, .consumed = 0};
    boost::system::error_code ec;
    parser.eager(true);
    std::size_t end = std::min(read_size, received.size());
    while (!parser.is_done() && content.consumed < received.size()) {
        parser.content.clear();
        const std::string_view unparsed = received.substr(content.consumed, end - content.consumed);
        const std::size_t parsed = parser.put(boost::asio::buffer(unparsed.data(), unparsed.size()), ec);
        require(parsed <= unparsed.size(), "no more is parsed than was received");
        if (ec && ec != boost::beast::http::error::need_more) return {.end = Content::End::malformed, .bytes = {}};
        for (const boost::asio::const_buffer& piece : parser.content) {
            const std::string_view view(static_cast<const char*>(piece.data()), piece.size());
            require(view.data() >= unparsed.data() && view.data() + view.size() <= unparsed.data() + unparsed.size(),
                    "content is a view of what was received");
            content.bytes += view;
        }
        content.consumed += parsed;
        const bool stuck = parser.content.empty() && !parser.is_done();
        if (stuck && parser.chunked() &&
            proxy::upstream::ends_in_quotes(received.substr(content.consumed, end - content.consumed)))
            return {.end = Content::End::malformed, .bytes = {}};
        if (stuck && end == received.size()) break;
        if (stuck || content.consumed == end) end = std::min(end + read_size, received.size());
    }
    if (!parser.is_done() && parser.need_eof()) parser.put_eof(ec);
    if (parser.is_done()) content.end = Content::End::complete;
    return content;
}

// What holds for the fields of any head that was accepted.
inline void require_clean(Fields fields, std::string_view head) {
    bool length = false, coding = false;
    for (const Field& field : fields) {
        require(proxy::rules::is_token(field.name), "names are tokens");
        require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos, "a value is one line");
        require(proxy::rules::trim(field.value) == field.value, "without surrounding white space");
        require(field.value.empty() ||
                    (field.value.data() >= head.data() && field.value.data() < head.data() + head.size()),
                "a value is a view of the head");
        length = length || field.id == proxy::rules::http::field::content_length;
        coding = coding || field.id == proxy::rules::http::field::transfer_encoding;
    }
    require(!length || !coding, "the framing is not in doubt");
}

}  // namespace tests
