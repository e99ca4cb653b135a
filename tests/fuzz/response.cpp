// Input: what an origin sends.

#include "proxy/rules/storable.hpp"
#include "proxy/rules/stored_head.hpp"
#include "proxy/upstream/response_parser.hpp"
#include "tests/fuzz/message_content.hpp"

using namespace proxy;
using namespace proxy::upstream;
using namespace tests;

namespace {

constexpr std::string_view end_of_head = "\r\n\r\n";
constexpr std::size_t max_fields = 50;

bool accepts(ResponseParser& parser, std::string_view head) {
    boost::system::error_code ec;
    const std::size_t parsed = parser.put(boost::asio::buffer(head.data(), head.size()), ec);
    return !ec && parser.is_header_done() && parsed == head.size();
}

Content content_of(std::string_view head, std::string_view rest, std::size_t read_size) {
    ResponseParser parser(head, max_fields, false);
    require(accepts(parser, head), "what was accepted is accepted again");
    return read_content(parser, rest, read_size);
}

// The head that is stored, or would be.
void store(const rules::ResponseHeader& response) {
    using namespace proxy::rules;
    RequestHeader request;
    request.method = http::verb::get;
    const Time now{seconds{1'700'000'000}};
    Policy policy;
    policy.set_cookie = SetCookiePolicy::store;
    const Arrival arrival = arrival_of(response, now, now);
    (void)decide_storing(request, false, response, arrival, policy);
    const std::string head = stored_head(response, arrival, 3, "weir", policy) + "\r\n";
    ResponseParser parser(head, max_fields + 10, false);
    require(accepts(parser, head), "what is stored is a header section");
    const unsigned status = response.status == 206 ? 200 : response.status;  // a part is stored as what it is of
    require(parser.header().status == status, "of the same status");
    require(parser.header().fields.size() == fields_of(std::string_view{head}.substr(0, head.size() - 2)).size(),
            "with the same fields for all who read it");
    require(has(parser.header().fields, http::field::date), "with a date");
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    const std::size_t end = bytes.find(end_of_head);
    if (end == bytes.npos) return;
    const std::string_view head = bytes.substr(0, end + end_of_head.size());
    const std::string_view rest = bytes.substr(head.size());

    ResponseParser parser(head, max_fields, false);
    if (!accepts(parser, head)) return;
    const rules::ResponseHeader& header = parser.header();
    require(header.status >= 100 && header.status <= 999, "the status has three digits");
    require_clean(header.fields, head);
    require(header.fields.size() <= max_fields, "no more fields than the limit");
    store(header);

    const Content content = content_of(head, rest, rest.size());
    for (const std::size_t read_size : {1u, 2u, 7u})
        require(content_of(head, rest, read_size) == content, "how it is cut into reads says nothing");
}
