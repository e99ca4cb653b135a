#include "origin-stub/answer.hpp"

#include <nlohmann/json.hpp>

#include "origin-stub/conditional.hpp"

namespace origin_stub {

namespace {

using Json = nlohmann::ordered_json;

// "http://example.com/path?query" and "/path?query" alike become "/path?query"; "*" stays.
std::string_view origin_form(std::string_view target) {
    if (target.starts_with('/')) return target;
    const std::size_t authority = target.find("://");
    if (authority == std::string_view::npos) return target;
    const std::size_t path = target.find('/', authority + 3);
    return path == std::string_view::npos ? "/" : target.substr(path);
}

std::string_view query_of(std::string_view target) {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

bool is_read(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

std::string item_json(const Request& request, const std::string& key) {
    if (is_read(request)) return to_text({{"key", key}, {"value", "value_for_" + key}, {"source", "origin"}});
    return to_text({{"key", key}, {"method", request.method}, {"received", request.body_size}, {"source", "origin"}});
}

Json to_json(const std::vector<FieldLine>& lines) {
    Json list = Json::array();
    for (const FieldLine& line : lines) list.push_back({line.name, line.value});
    return list;
}

std::string echo_json(const Request& request) {
    return to_text(
        {{"method", request.method},
         {"target", request.target},
         {"version", request.version == 10 ? "1.0" : "1.1"},
         {"fields", to_json(request.fields)},
         {"chunked", request.chunked},
         {"body", {{"size", request.body_size}, {"crc32", request.body_crc32}, {"start", request.body_start}}},
         {"trailers", to_json(request.trailers)}});
}

void set_fields(Answer& answer, const Knobs& knobs, sys_seconds now) {
    auto& head = answer.head;
    if (knobs.cache_control) head.set(http::field::cache_control, *knobs.cache_control);
    if (knobs.etag) head.set(http::field::etag, *knobs.etag);
    if (knobs.last_modified) head.set(http::field::last_modified, http_date(knobs.last_modified->at(now)));
    if (knobs.vary) head.set(http::field::vary, *knobs.vary);
    if (knobs.age) head.set(http::field::age, *knobs.age);
    if (knobs.expires) {
        const auto* moment = std::get_if<Moment>(&*knobs.expires);
        head.set(http::field::expires,
                 moment != nullptr ? http_date(moment->at(now)) : std::get<std::string>(*knobs.expires));
    }
    for (const std::string& cookie : knobs.set_cookie) head.insert(http::field::set_cookie, cookie);
    for (const FieldLine& field : knobs.header) head.insert(field.name, field.value);
    if (knobs.no_date) head.erase(http::field::date);
}

bool not_modified(const Request& request, const Knobs& knobs, sys_seconds now) {
    const std::string_view if_none_match = request.value_of("If-None-Match");
    if (!if_none_match.empty()) return knobs.etag && lists_etag(if_none_match, *knobs.etag);
    const auto since = parse_http_date(request.value_of("If-Modified-Since"));
    return since && knobs.last_modified && knobs.last_modified->at(now) <= *since;
}

void make_not_modified(Answer& answer) {
    answer.head.result(http::status::not_modified);
    answer.head.erase(http::field::content_type);
    answer.content = {};
}

void apply_range(Answer& answer, std::string_view range) {
    const std::uint64_t size = answer.content.size();
    answer.head.set(http::field::accept_ranges, "bytes");
    const auto asked = parse_range(range, size);
    if (const auto* part = std::get_if<ByteRange>(&asked)) {
        answer.head.result(http::status::partial_content);
        answer.head.set(http::field::content_range, "bytes " + std::to_string(part->first) + '-' +
                                                        std::to_string(part->last) + '/' + std::to_string(size));
        answer.content.cut(part->first, part->last);
    } else if (std::holds_alternative<Unsatisfiable>(asked)) {
        answer.head.result(http::status::range_not_satisfiable);
        answer.head.set(http::field::content_range, "bytes */" + std::to_string(size));
        answer.content = {};
    }
}

// How the content's end is told, and whether the connection goes on; last, when status and content are settled.
void set_framing(Answer& answer, const Request& request) {
    const Knobs& knobs = answer.knobs;
    auto& head = answer.head;
    const bool has_content = head.result_int() != 204 && head.result_int() != 304;
    const bool wants_chunks = knobs.chunked || knobs.trailers;
    const bool may_chunk = !knobs.http10 && request.version == 11;
    head.version(may_chunk ? 11 : 10);
    answer.chunked = has_content && wants_chunks && may_chunk;
    const bool until_close = has_content && !answer.chunked && (knobs.http10 || wants_chunks);
    answer.keep_alive = request.keep_alive && !knobs.close && !until_close && !knobs.truncate;

    if (answer.chunked) {
        head.set(http::field::transfer_encoding, "chunked");
        if (knobs.trailers) head.set(http::field::trailer, "X-Stub-Trailer");
    } else if (has_content && !until_close) {
        head.set(http::field::content_length, std::to_string(answer.content.size()));
    }
    // truncated: the end is to come as a surprise
    if (!answer.keep_alive && !knobs.truncate) head.set(http::field::connection, "close");
    if (answer.keep_alive && request.version == 10) head.set(http::field::connection, "keep-alive");
    if (!has_content || request.method == "HEAD") {
        answer.content = {};
        answer.chunked = false;
    }
}

Answer begin_answer(unsigned status, sys_seconds now) {
    Answer answer;
    answer.head.result(status);
    answer.head.set(http::field::server, "weir-origin-stub");
    answer.head.set(http::field::date, http_date(now));
    answer.head.set(http::field::content_type, "application/json");
    return answer;
}

// What a path names.
struct Resource {
    enum class Kind { none, item, versioned, echo } kind = Kind::none;
    std::string key;  // decoded
};

Resource resource_of(std::string_view path) {
    struct Prefix {
        std::string_view text;
        Resource::Kind kind;
    };
    constexpr Prefix prefixes[] = {{"/items/", Resource::Kind::item}, {"/versioned/", Resource::Kind::versioned}};
    if (path == "/echo") return {Resource::Kind::echo, "echo"};
    for (const Prefix& prefix : prefixes) {
        if (!path.starts_with(prefix.text) || path.size() == prefix.text.size()) continue;
        path.remove_prefix(prefix.text.size());
        return {prefix.kind, percent_decode(path).value_or(std::string(path))};
    }
    return {};
}

Content content_of(const Resource& resource, const Request& request, std::uint64_t version) {
    switch (resource.kind) {
        case Resource::Kind::echo: return Content(echo_json(request));
        case Resource::Kind::versioned: return Content(versioned_content(resource.key, version));
        default: return Content(item_json(request, resource.key));
    }
}

Answer raise(const Request& request, const std::string& key, Versions& versions, sys_seconds now) {
    const auto version = versions.raise(key);
    if (!version) return error_answer(request, 507, "too many keys have been raised", now);
    return plain_answer(request, 200, to_text({{"key", key}, {"version", *version}}), now);
}

}  // namespace

Answer plain_answer(const Request& request, unsigned status, std::string json, sys_seconds now) {
    Answer answer = begin_answer(status, now);
    answer.content = Content(std::move(json));
    set_framing(answer, request);
    return answer;
}

Answer error_answer(const Request& request, unsigned status, std::string_view message, sys_seconds now) {
    return plain_answer(request, status, to_text({{"error", message}}), now);
}

Answer make_answer(const Request& request, Versions& versions, milliseconds default_latency, sys_seconds now) {
    const Resource resource = resource_of(path_of(request.target));
    if (resource.kind == Resource::Kind::none) return error_answer(request, 404, "no such path", now);
    auto parsed = parse_knobs(query_of(request.target));
    if (const auto* mistake = std::get_if<std::string>(&parsed)) return error_answer(request, 400, *mistake, now);
    Knobs& knobs = std::get<Knobs>(parsed);
    const bool is_versioned = resource.kind == Resource::Kind::versioned;
    if (is_versioned && request.method == "POST") return raise(request, resource.key, versions, now);

    Answer answer = begin_answer(knobs.status, now);
    const std::uint64_t version = versions.of(resource.key);
    if (is_versioned) {
        if (!knobs.etag) knobs.etag = '"' + std::to_string(version) + '"';
        answer.head.set("Surrogate-Key", surrogate_keys_of(resource.key));
    }
    answer.content = knobs.size ? Content(resource.key, *knobs.size) : content_of(resource, request, version);
    if (knobs.size || is_versioned) answer.head.set(http::field::content_type, "text/plain");
    set_fields(answer, knobs, now);
    if (is_read(request) && knobs.status == 200) {
        if (not_modified(request, knobs, now))
            make_not_modified(answer);
        else if (knobs.range && request.method == "GET")
            apply_range(answer, request.value_of("Range"));
    }
    answer.latency = knobs.latency.value_or(resource.kind == Resource::Kind::echo ? milliseconds{0} : default_latency);
    answer.knobs = std::move(knobs);
    set_framing(answer, request);
    return answer;
}

std::string_view path_of(std::string_view target) {
    const std::string_view path_and_query = origin_form(target);
    return path_and_query.substr(0, path_and_query.find('?'));
}

}  // namespace origin_stub
