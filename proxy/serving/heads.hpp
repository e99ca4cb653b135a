#pragma once
// The header sections we write: to the origin and to the client. Always anew, never a peer's bytes as they came.

#include <optional>
#include <string>

#include "proxy/observe/exchange_record.hpp"
#include "proxy/rules/stored_response.hpp"
#include "proxy/upstream/fetch.hpp"

namespace proxy::serving {

using rules::Time;
using std::chrono::seconds;

// The request header as the origin is to see it. Where the answer may be stored, the origin learns no more of the URI
// than the key says. Refers to the client's; not to be moved.
class ForwardedRequest {
 public:
    // `upstream_host`: sent as Host; empty: the request's authority.
    ForwardedRequest(const rules::RequestHeader& request, const rules::KeyPolicy& policy, bool may_be_stored,
                     std::string_view upstream_host);
    ForwardedRequest(const ForwardedRequest&) = delete;
    ForwardedRequest& operator=(const ForwardedRequest&) = delete;

    [[nodiscard]] const rules::RequestHeader& header() const noexcept { return header_; }
    [[nodiscard]] std::string_view host() const noexcept { return host_; }

 private:
    std::string target_, authority_;
    std::string_view host_;
    rules::RequestHeader header_;
};

// What a node adds to the requests it forwards.
struct ForwardingInfo {
    std::string_view host;    // sent as Host
    std::string_view client;  // address
    std::string_view request_id;
    std::string_view proxy_name;  // in Via
    const rules::Policy& policy;  // of the route
    std::string_view protocol{};  // offered in Upgrade
};

// The request as the origin gets it. `may_be_stored`: the answer is wanted whole, so the client's conditions and Range
// are left out; `conditions`: field lines of ours. Max-Forwards is not 0. RFC 9110 §7.6
[[nodiscard]] upstream::OutgoingRequest outgoing_request(const rules::RequestHeader& request, bool has_content,
                                                         std::optional<std::uint64_t> content_length,
                                                         bool may_be_stored, std::string_view conditions,
                                                         const ForwardingInfo& info);

// How the end of the content is told to the client. RFC 9112 §6
enum class Framing { none, content_length, chunked, until_close };

[[nodiscard]] Framing framing_for(const rules::RequestHeader& request, unsigned status,
                                  std::optional<std::uint64_t> content_length) noexcept;

// The origin's response header section for the client, without the final empty line, the generated fields and the
// surrogate keys.
[[nodiscard]] std::string forwarded_head(const rules::ResponseHeader& response, Framing framing, Time date,
                                         std::string_view proxy_name, const rules::Policy& policy);

// A 1xx response for the client, ready to send, without surrogate keys. RFC 9110 §15.2
[[nodiscard]] std::string interim_head(const rules::ResponseHeader& header, const rules::Policy& policy);

// Appends what is made anew for every answer: Age (where the cache answers), Cache-Status, X-Cache, Connection, and the
// empty line. RFC 9111 §5.1, RFC 9211. Does not allocate where `out` has room for max_generated_fields.
inline constexpr std::size_t max_generated_fields = 512;
void append_generated_fields(std::string& out, const observe::ExchangeRecord& record, std::optional<seconds> age,
                             std::optional<seconds> ttl, bool keep_alive, unsigned client_version);

// Of a 405. TRACE is a route's exception.
inline constexpr std::string_view allow_field = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";

// A whole answer of our own; `detail` is for people and static.
[[nodiscard]] std::string own_response(unsigned status, std::string_view detail, std::string_view request_id,
                                       std::string_view extra_fields, bool keep_alive, bool head_only, Time now);

[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace proxy::serving
