#include "proxy/serving/heads.hpp"

#include <array>
#include <boost/beast/http/status.hpp>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/cache_status.hpp"
#include "proxy/rules/http_date.hpp"
#include "proxy/rules/max_forwards.hpp"
#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;
using rules::append_field;

// Set by us on every forwarded request, whatever the client sent.
bool is_set_by_us(const rules::Field& field) {
    switch (field.id) {
        case http::field::host:
        case http::field::content_length:
        case http::field::expect:  // answered by us, see ClientConnection::read_content
            return true;
        default: break;
    }
    static constexpr std::array names{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id"};
    for (const std::string_view name : names)
        if (rules::iequals(field.name, name)) return true;
    return false;
}

bool is_condition_or_range(http::field id) {
    switch (id) {
        case http::field::if_match:
        case http::field::if_none_match:
        case http::field::if_modified_since:
        case http::field::if_unmodified_since:
        case http::field::if_range:
        case http::field::range: return true;
        default: return false;
    }
}

std::string_view x_cache(observe::Outcome outcome) {
    switch (outcome) {
        case observe::Outcome::hit: return "HIT";
        case observe::Outcome::stale: return "STALE";
        case observe::Outcome::revalidated: return "REVALIDATED";
        case observe::Outcome::bypass: return "BYPASS";
        default: return "MISS";
    }
}

}  // namespace

ForwardedRequest::ForwardedRequest(const rules::RequestHeader& request, const rules::KeyPolicy& policy,
                                   bool may_be_stored, std::string_view upstream_host)
    : target_(rules::forwarded_target(request, policy)),
      authority_(rules::forwarded_authority(request, policy)),
      host_(upstream_host.empty() ? authority_ : upstream_host),
      header_(request) {
    if (!may_be_stored) return;
    header_.target = target_;
    header_.authority = authority_;
}

upstream::OutgoingRequest outgoing_request(const rules::RequestHeader& request, bool has_content,
                                           std::optional<std::uint64_t> content_length, bool may_be_stored,
                                           std::string_view conditions, const ForwardingInfo& info) {
    upstream::OutgoingRequest out{.method = request.method, .head = {}};
    std::string& head = out.head;
    head.reserve(1024);
    head.append(request.method_text).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    append_field(head, "Host", info.host);
    const rules::HopByHopFields hop_by_hop(request.fields);
    const std::optional<std::uint64_t> max_forwards = rules::max_forwards(request);
    for (const rules::Field& field : request.fields) {
        if (is_set_by_us(field) || hop_by_hop.contain(field)) continue;
        if (rules::is_dropped(field.name, info.policy.dropped_request_fields, info.policy.key.request_fields)) continue;
        if (may_be_stored && is_condition_or_range(field.id)) continue;
        if (max_forwards && field.id == http::field::max_forwards) continue;
        append_field(head, field.name, field.value);
    }
    if (rules::lists_token(request.fields, http::field::te, "trailers")) {  // RFC 9110 §10.1.4
        append_field(head, "TE", "trailers");
        append_field(head, "Connection", "TE");
    }
    if (!info.protocol.empty()) {
        out.protocol = info.protocol;
        append_field(head, "Connection", "Upgrade");
        append_field(head, "Upgrade", info.protocol);
    }
    if (max_forwards) append_field(head, "Max-Forwards", std::to_string(*max_forwards - 1));
    head += conditions;
    if (has_content) {
        if (content_length) {
            out.content = upstream::OutgoingRequest::Content::sized;
            append_field(head, "Content-Length", std::to_string(*content_length));
        } else {
            out.content = upstream::OutgoingRequest::Content::chunked;
            append_field(head, "Transfer-Encoding", "chunked");
        }
    } else if (request.method == http::verb::post || request.method == http::verb::put ||
               request.method == http::verb::patch) {
        append_field(head, "Content-Length", "0");  // RFC 9110 §8.6
    }
    if (out.content_may_be_overlooked()) append_field(head, "Connection", "close");
    if (!info.client.empty()) append_field(head, "X-Forwarded-For", info.client);
    append_field(head, "X-Forwarded-Proto", request.scheme);
    append_field(head, "X-Forwarded-Host", request.authority);
    append_field(head, "X-Request-Id", info.request_id);
    rules::append_via(head, request.version, info.proxy_name);
    head += "\r\n";
    return out;
}

Framing framing_for(const rules::RequestHeader& request, unsigned status,
                    std::optional<std::uint64_t> content_length) noexcept {
    if (!rules::has_content(request.method, status)) return Framing::none;
    if (content_length) return Framing::content_length;
    return request.version == 10 ? Framing::until_close : Framing::chunked;
}

std::string forwarded_head(const rules::ResponseHeader& response, Framing framing, Time date,
                           std::string_view proxy_name, const rules::Policy& policy) {
    std::string head;
    head.reserve(1024);
    head.append("HTTP/1.1 ");
    head += std::to_string(response.status);
    head.append(" ").append(response.reason).append("\r\n");
    bool has_length = false;
    const rules::HopByHopFields hop_by_hop(response.fields);
    for (const rules::Field& field : response.fields) {
        if (hop_by_hop.contain(field) || rules::is_surrogate_key_field(field.name, policy)) continue;
        if (field.id == http::field::content_length) {  // one is sent on, however often it came
            const bool unwanted =
                framing == Framing::chunked || framing == Framing::until_close || response.status == 204;
            if (unwanted || std::exchange(has_length, true)) continue;
            append_field(head, field.name,
                         field.value.substr(0, field.value.find(',')));  // "5, 5" is one 5. RFC 9110 §8.6
            continue;
        }
        append_field(head, field.name, field.value);
    }
    if (!rules::has(response.fields, http::field::date)) append_field(head, "Date", rules::format_http_date(date));
    rules::append_via(head, response.version, proxy_name);
    if (framing == Framing::chunked) append_field(head, "Transfer-Encoding", "chunked");
    return head;
}

std::string interim_head(const rules::ResponseHeader& header, const rules::Policy& policy) {
    std::string head = "HTTP/1.1 " + std::to_string(header.status) + ' ' + std::string(header.reason) + "\r\n";
    const rules::HopByHopFields hop_by_hop(header.fields);
    for (const rules::Field& field : header.fields)
        if (!hop_by_hop.contain(field) && !rules::is_surrogate_key_field(field.name, policy))
            append_field(head, field.name, field.value);
    return head += "\r\n";
}

void append_generated_fields(std::string& out, const observe::ExchangeRecord& record, std::optional<seconds> age,
                             std::optional<seconds> ttl, bool keep_alive, unsigned client_version) {
    rules::Appender fields(out);
    if (age) fields.append("Age: ").append(age->count()).append("\r\n");
    rules::CacheStatus status{.forwarded = record.forwarded,
                              .ttl = ttl,
                              .forward_status = record.forward_status,
                              .stored = record.stored,
                              .collapsed = record.collapsed,
                              .detail = {}};
    if (record.tier == observe::Tier::memory) status.detail = "memory";
    if (record.tier == observe::Tier::redis) status.detail = "redis";
    if (record.uncacheable) status.detail = rules::to_string(*record.uncacheable);
    fields.append("Cache-Status: ");
    rules::append_cache_status(fields, "Weir", status);
    fields.append("\r\nX-Cache: ").append(x_cache(record.outcome)).append("\r\n");
    if (!keep_alive) {
        fields.append("Connection: close\r\n");
    } else if (client_version == 10) {
        fields.append("Connection: keep-alive\r\n");
    }
    fields.append("\r\n");
}

std::string own_response(unsigned status, std::string_view detail, std::string_view request_id,
                         std::string_view extra_fields, bool keep_alive, bool head_only, Time now) {
    std::string body = std::to_string(status) + ' ' + std::string(reason_phrase(status)) + '\n';
    body.append(detail).append("\n");
    if (!request_id.empty()) body.append("request id: ").append(request_id).append("\n");
    std::string out = "HTTP/1.1 " + std::to_string(status) + ' ' + std::string(reason_phrase(status)) + "\r\n";
    append_field(out, "Date", rules::format_http_date(now));
    append_field(out, "Content-Type", "text/plain; charset=utf-8");
    append_field(out, "Content-Length", std::to_string(body.size()));
    append_field(out, "Cache-Control", "no-store");
    append_field(out, "Connection", keep_alive ? "keep-alive" : "close");
    if (!request_id.empty()) append_field(out, "X-Request-Id", request_id);
    out.append(extra_fields).append("\r\n");
    if (!head_only) out += body;
    return out;
}

std::string_view reason_phrase(unsigned status) noexcept {
    const auto text = http::obsolete_reason(static_cast<http::status>(status));
    return {text.data(), text.size()};
}

}  // namespace proxy::serving
