#pragma once
// A header section as views into somebody's buffer: nothing is copied, nothing outlives that buffer.

#include <ostream>  // which the next one forgets

#include <boost/beast/http/field.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace proxy::rules {

namespace http = boost::beast::http;

struct Field {
    http::field id;  // http::field::unknown where Beast has no enumerator for the name
    std::string_view name;
    std::string_view value;  // without surrounding white space
};

using Fields = std::span<const Field>;

// ASCII only, as field names and tokens are. RFC 9110 §5.1, §5.6.2.
[[nodiscard]] constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;
void append_lower(std::string& out, std::string_view text);

// Without the spaces and tabs around it. RFC 9110 §5.6.3.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

// RFC 9110 §5.6.2.
[[nodiscard]] bool is_token(std::string_view text) noexcept;

// The first field line of that name, or null.
[[nodiscard]] const Field* find(Fields fields, http::field id) noexcept;
[[nodiscard]] const Field* find(Fields fields, std::string_view name) noexcept;

[[nodiscard]] inline bool has(Fields fields, http::field id) noexcept { return find(fields, id) != nullptr; }

// The first field line's value, or an empty view.
[[nodiscard]] std::string_view value_of(Fields fields, http::field id) noexcept;

// All lines of that name joined by ", ". RFC 9110 §5.3.
[[nodiscard]] std::string combined(Fields fields, std::string_view name);

// Whether any line of that name lists `token`, case-blind; quoted strings are passed over. RFC 9110 §5.6.1.
[[nodiscard]] bool lists_token(Fields fields, http::field id, std::string_view token) noexcept;

// Takes the next member off the front of a comma-separated list, skipping empty ones and minding quoted strings (one
// that is never closed takes all the rest); empty where there is none left. RFC 9110 §5.6.1.2.
[[nodiscard]] std::string_view next_list_member(std::string_view& list) noexcept;

// Appends "Name: value" and CRLF.
void append_field(std::string& out, std::string_view name, std::string_view value);

// Appends the Via line of a message received by HTTP/1.0 (`version` 10) or HTTP/1.1. RFC 9110 §7.6.3
void append_via(std::string& out, unsigned version, std::string_view proxy_name);

struct NameLess {
    [[nodiscard]] bool operator()(std::string_view a, std::string_view b) const noexcept;
};

// Field names, case-blind.
using FieldNames = std::set<std::string_view, NameLess>;

// The fields of a message that concern one connection only and are never stored or forwarded: those RFC 9110 §7.6.1 and
// RFC 9111 §3.1 list, and those that Connection names. Never Host or Content-Length, which a peer could otherwise make
// disappear. Refers to the bytes of `fields`.
class HopByHopFields {
 public:
    explicit HopByHopFields(Fields fields);
    [[nodiscard]] bool contain(const Field& field) const noexcept;

 private:
    FieldNames named_;  // by Connection
};

}  // namespace proxy::rules
