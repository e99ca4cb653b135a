#include "proxy/rules/cache_key.hpp"

#include <algorithm>
#include <utility>

#include "proxy/rules/uri.hpp"

namespace proxy::rules {
namespace {

// Byte for byte. Spaces and control characters cannot be in a valid target; encoded, they do no harm in an invalid one.
void append_target(std::string& key, std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            append_percent_encoded(key, c);
        else
            key += c;
    }
}

// Two values that differ stay different, and none contains the space that separates values.
void append_value(std::string& key, std::string_view text) {
    for (const char c : text) {
        if (c <= 0x20 || c >= 0x7f || c == '%')
            append_percent_encoded(key, c);
        else
            key += c;
    }
}

std::string_view parameter_name(std::string_view parameter) { return parameter.substr(0, parameter.find('=')); }

bool matches(std::string_view pattern, std::string_view name) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
}

bool is_ignored(std::string_view parameter, const KeyPolicy& policy) {
    return parameter.find(';') == parameter.npos &&  // some origins take it for another `&`
           std::any_of(policy.ignored_parameters.begin(), policy.ignored_parameters.end(),
                       [&](const std::string& pattern) { return matches(pattern, parameter_name(parameter)); });
}

void append_parameters(std::string& key, std::string_view query, const KeyPolicy& policy) {
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
        key += std::exchange(separator, '&');
        append_target(key, parameter);
    }
}

// " name" where the field is absent, " name=value" elsewhere.
void append_field_value(std::string& key, std::string_view prefix, std::string_view name, Fields fields,
                        const HopByHopFields& hop_by_hop) {
    key.append(" ").append(prefix);
    append_lower(key, name);
    bool first = true;
    for (const Field& field : fields) {
        if (!iequals(field.name, name) || hop_by_hop.contain(field)) continue;
        key += std::exchange(first, false) ? "=" : ",%20";
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
    append_origin(key, request.scheme, request.authority);
    const std::size_t query = request.target.find('?');
    if (policy.query == QueryPolicy::keep && policy.ignored_parameters.empty()) {
        append_target(key, request.target);
    } else {
        append_target(key, request.target.substr(0, query));
        if (query != std::string_view::npos && policy.query != QueryPolicy::drop)
            append_parameters(key, request.target.substr(query + 1), policy);
    }
    if (policy.request_fields.empty() && policy.cookies.empty()) return;
    const HopByHopFields hop_by_hop(request.fields);
    for (const std::string& name : policy.request_fields)
        append_field_value(key, "field:", name, request.fields, hop_by_hop);
    for (const std::string& name : policy.cookies) append_cookie(key, name, request.fields, hop_by_hop);
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
