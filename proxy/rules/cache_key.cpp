#include "proxy/rules/cache_key.hpp"

#include <algorithm>
#include <utility>

#include "proxy/rules/uri.hpp"

namespace proxy::rules {
namespace {

// Spaces and control characters cannot be in a valid target; encoded, they do no harm in an invalid one.
void append_visible(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            append_percent_encoded(out, c);
        else
            out += c;
    }
}

// Two values that differ stay different, and none contains the space that separates values.
void append_value(std::string& key, std::string_view text) {
    for (const char c : text) {
        if (c <= 0x20 || c >= 0x7f || c == '%' || c == '}')  // a brace ends the hash tag of a name in Redis
            append_percent_encoded(key, c);
        else
            key += c;
    }
}

// Whether a comma separates the members of a list; in these it is text like any other. RFC 9110 §5.5
bool may_be_list(std::string_view name) {
    static constexpr std::string_view singletons[] = {"authorization", "cookie", "date",    "from",
                                                      "host",          "origin", "referer", "user-agent"};
    return std::ranges::none_of(singletons, [name](std::string_view other) { return iequals(name, other); });
}

// As append_value, without the white space about commas that stand outside quoted strings. RFC 9110 §5.6.1
void append_list(std::string& key, std::string_view list) {
    bool quoted = false;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < list.size(); ++at) {
        if (list[at] == '"') quoted = !quoted;
        if (quoted && list[at] == '\\') ++at;
        if (quoted || at >= list.size() || list[at] != ',') continue;
        append_value(key, trim(list.substr(begin, at - begin)));
        key += ',';
        begin = at + 1;
    }
    append_value(key, trim(list.substr(begin)));
}

std::string_view parameter_name(std::string_view parameter) { return parameter.substr(0, parameter.find('=')); }

bool matches(std::string_view pattern, std::string_view name) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
}

bool is_ignored(std::string_view parameter, const KeyPolicy& policy) {
    if (parameter.find(';') != parameter.npos) return false;  // some origins take it for another `&`
    const auto names_it = [name = parameter_name(parameter)](std::string_view pattern) {
        return matches(pattern, name);
    };
    return (policy.ignore_tracking && std::ranges::any_of(tracking_parameters, names_it)) ||
           std::ranges::any_of(policy.ignored_parameters, names_it);
}

void append_parameters(std::string& out, std::string_view query, const KeyPolicy& policy) {
    std::vector<std::string_view> parameters;
    for (;;) {
        const std::string_view parameter = query.substr(0, query.find('&'));
        if (!is_ignored(parameter, policy)) parameters.push_back(parameter);
        if (parameter.size() == query.size()) break;
        query.remove_prefix(parameter.size() + 1);
    }
    if (policy.query == QueryPolicy::sort) {
        std::sort(parameters.begin(), parameters.end(), [](auto a, auto b) {  // of equal names, the one that came first
            return std::pair{parameter_name(a), a.data()} < std::pair{parameter_name(b), b.data()};
        });
    }
    char separator = '?';
    for (const std::string_view parameter : parameters) {
        out += std::exchange(separator, '&');
        append_visible(out, parameter);
    }
}

// One for the key and for the origin, so that they cannot differ.
void append_target(std::string& out, std::string_view target, const KeyPolicy& policy) {
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = target.substr(path.size());  // with its `?`
    std::string buffer;
    append_visible(out, policy.path == PathPolicy::normalise ? normalised_path(path, buffer) : path);
    if (query.empty() || policy.query == QueryPolicy::drop) return;
    if (policy.query == QueryPolicy::keep && !policy.ignore_tracking && policy.ignored_parameters.empty())
        append_visible(out, query);
    else
        append_parameters(out, query.substr(1), policy);
}

std::string_view authority_of(const RequestHeader& request, const KeyPolicy& policy) {
    return policy.host.empty() ? request.authority : policy.host;
}

// " name" where the field is absent, " name=value" elsewhere; several lines are one list. RFC 9110 §5.3
void append_field_value(std::string& key, std::string_view prefix, std::string_view name, Fields fields,
                        const HopByHopFields& hop_by_hop) {
    key.append(" ").append(prefix);
    append_lower(key, name);
    const bool is_list = may_be_list(name);
    char separator = '=';
    for (const Field& field : fields) {
        if (!iequals(field.name, name) || hop_by_hop.contain(field)) continue;
        key += std::exchange(separator, ',');
        if (is_list)
            append_list(key, field.value);
        else
            append_value(key, field.value);
    }
}

// " cookie:name" where there is none of that name, else " cookie:name=value" for each.
void append_cookie(std::string& key, std::string_view name, Fields fields, const HopByHopFields& hop_by_hop) {
    bool found = false;
    for (const Field& field : fields) {
        if (field.id != http::field::cookie || hop_by_hop.contain(field)) continue;
        std::string_view rest = field.value;
        while (!rest.empty()) {
            const std::string_view pair = rest.substr(0, rest.find(';'));
            rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
            const std::size_t equals = std::min(pair.find('='), pair.size());
            if (trim(pair.substr(0, equals)) != name) continue;
            found = true;
            key.append(" cookie:").append(name).append("=");
            append_value(key, trim(pair.substr(std::min(equals + 1, pair.size()))));
        }
    }
    if (!found) key.append(" cookie:").append(name);
}

// Lower case, without white space about `;` and without a weight of 1.
std::string normalised_preference(std::string_view member) {
    std::string out;
    while (!member.empty()) {
        const std::string_view part = member.substr(0, member.find(';'));
        member.remove_prefix(std::min(part.size() + 1, member.size()));
        if (!out.empty()) out += ';';
        append_lower(out, trim(part));
    }
    return out;
}

bool is_full_weight(std::string_view weight) {
    return weight == "1" || weight == "1." || weight == "1.0" || weight == "1.00" || weight == "1.000";
}

// As append_field_value, normalised as the header says.
void append_preferences(std::string& key, std::string_view name, http::field id, Fields fields,
                        const HopByHopFields& hop_by_hop) {
    std::vector<std::string> members;
    bool present = false;
    for (const Field& field : fields) {
        if (field.id != id || hop_by_hop.contain(field)) continue;
        present = true;
        std::string_view list = field.value;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list))
            members.push_back(normalised_preference(member));
    }
    if (id == http::field::accept_encoding) {
        for (std::string& member : members) {
            const std::size_t weight = member.find(";q=");
            if (weight != member.npos && is_full_weight(std::string_view{member}.substr(weight + 3)))
                member.resize(weight);
        }
        std::sort(members.begin(), members.end());
        members.erase(std::unique(members.begin(), members.end()), members.end());
    }
    key.append(" ").append(name);
    if (!present) return;
    char separator = '=';
    if (members.empty()) key += separator;
    for (const std::string& member : members) {
        key += std::exchange(separator, ',');
        append_value(key, member);
    }
}

// Its value is of our making, so the client's says nothing of what the origin will see.
bool is_written_anew(std::string_view name) { return name == "x-forwarded-for" || name == "x-request-id"; }

}  // namespace

void primary_key(std::string& key, const RequestHeader& request, const KeyPolicy& policy) {
    key.clear();
    append_origin(key, request.scheme, authority_of(request, policy));
    append_target(key, request.target, policy);
    if (policy.request_fields.empty() && policy.cookies.empty()) return;
    const HopByHopFields hop_by_hop(request.fields);
    for (const std::string& name : policy.request_fields)
        append_field_value(key, "field:", name, request.fields, hop_by_hop);
    for (const std::string& name : policy.cookies) append_cookie(key, name, request.fields, hop_by_hop);
}

std::string forwarded_target(const RequestHeader& request, const KeyPolicy& policy) {
    std::string target;
    append_target(target, request.target, policy);
    return target;
}

std::string forwarded_authority(const RequestHeader& request, const KeyPolicy& policy) {
    std::string authority;
    append_lower(authority, without_default_port(request.scheme, authority_of(request, policy)));
    return authority;
}

std::string selecting_fields(const ResponseHeader& response) {
    std::vector<std::string> names;
    for (const Field& field : response.fields) {
        if (field.id != http::field::vary) continue;
        std::string_view list = field.value;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list)) {
            std::string name;
            append_lower(name, member);
            if (name == "*" || !is_token(name) || is_written_anew(name)) return "*";
            names.push_back(std::move(name));
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::string all;
    for (const std::string& name : names) {
        if (!all.empty()) all += ',';
        all += name;
    }
    return all;
}

std::string variant_key(std::string_view primary, std::string_view selecting_fields, const RequestHeader& request) {
    if (selecting_fields == "*") return {};
    const HopByHopFields hop_by_hop(request.fields);
    std::string key{primary};
    while (!selecting_fields.empty()) {
        const std::string_view name = selecting_fields.substr(0, selecting_fields.find(','));
        selecting_fields.remove_prefix(std::min(name.size() + 1, selecting_fields.size()));
        if (name == "accept-encoding")
            append_preferences(key, name, http::field::accept_encoding, request.fields, hop_by_hop);
        else if (name == "accept-language")
            append_preferences(key, name, http::field::accept_language, request.fields, hop_by_hop);
        else
            append_field_value(key, "", name, request.fields, hop_by_hop);
        if (key.size() - primary.size() > max_selecting_values) return {};
    }
    return key;
}

void VaryIndex::add(std::string_view selecting_fields) {
    const std::string added{selecting_fields};  // may be one of `sets`
    std::erase(sets, added);
    sets.insert(sets.begin(), added);
    if (sets.size() > max_sets) sets.resize(max_sets);
}

}  // namespace proxy::rules
