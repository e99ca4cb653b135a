// Input: what a client sends.

#include "proxy/rules/cache_key.hpp"
#include "proxy/serving/request_parser.hpp"
#include "tests/fuzz/message_content.hpp"

using namespace proxy;
using namespace proxy::serving;
using namespace tests;

namespace {

constexpr std::string_view end_of_head = "\r\n\r\n";
const LimitsConfig limits{.max_header_size = 1000, .max_target_size = 200, .max_header_fields = 20};

Content content_of(std::string_view head, std::string_view rest, std::size_t read_size) {
    std::vector<Field> fields;
    RequestParser parser(fields, limits, "default.example");
    require(!parser.parse(head), "what was accepted is accepted again");
    return read_content(parser, rest, read_size);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    (void)check_incomplete_head(bytes, limits);
    const std::size_t end = bytes.find(end_of_head);
    if (end == bytes.npos) return;
    const std::string_view head = bytes.substr(0, end + end_of_head.size());
    const std::string_view rest = bytes.substr(head.size());

    std::vector<Field> fields;
    RequestParser parser(fields, limits, "default.example");
    if (const auto refused = parser.parse(head)) {
        require(refused->status >= 400 && refused->status < 600, "a refusal is an error");
        return;
    }
    const rules::RequestHeader& header = parser.header();
    require_clean(header.fields, head);
    require(header.fields.size() <= limits.max_header_fields, "no more fields than the limit");
    require(header.target.starts_with('/') || header.target == "*", "the target is a path");
    require(!header.authority.empty() && header.authority.find_first_of("/?#@\\ ,") == header.authority.npos,
            "the authority is one host");
    std::string key;
    rules::primary_key(key, header, {});
    require(key.ends_with(header.target), "nothing in an accepted target needs encoding");

    if (head.size() < limits.max_header_size)
        for (std::size_t size = 1; size < head.size(); size += 1 + head.size() / 16)
            require(!check_incomplete_head(head.substr(0, size), limits),
                    "no beginning of what is accepted is refused");

    const Content content = content_of(head, rest, rest.size());
    require(parser.has_content() || (content.end == Content::End::complete && content.bytes.empty()), "no content");
    for (const std::size_t read_size : {1u, 2u, 7u})
        require(content_of(head, rest, read_size) == content, "how it is cut into reads says nothing");
}
