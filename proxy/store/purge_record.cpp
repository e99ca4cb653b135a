#include "proxy/store/purge_record.hpp"

#include <charconv>

namespace proxy::store {
namespace {

struct ListField {
    std::string_view name;
    std::vector<std::string> Purge::* member;
};

constexpr ListField list_fields[] = {{"url", &Purge::urls},
                                     {"surrogate-key", &Purge::surrogate_keys},
                                     {"prefix", &Purge::prefixes},
                                     {"host", &Purge::hosts}};

std::optional<WallClock> time_from(std::string_view text) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return WallClock{std::chrono::milliseconds{count}};
}

// False where the name is unknown.
bool take_field(PurgeRecord& record, const std::string& name, std::string& value) {
    for (const ListField& field : list_fields) {
        if (name != field.name) continue;
        (record.purge.*field.member).push_back(std::move(value));
        return true;
    }
    if (name == "at") return (record.appended = time_from(value)).has_value();
    if (name == "soft") return record.purge.soft = true;
    if (name == "everything" || name == "begin") return record.purge.everything = true;
    return false;
}

}  // namespace

std::vector<std::string> encode_purge(const Purge& purge, WallClock now) {
    std::vector<std::string> fields{"at", std::to_string(now.time_since_epoch().count())};
    const auto add = [&](std::string_view name, std::string_view value) {
        fields.emplace_back(name);
        fields.emplace_back(value);
    };
    if (purge.soft) add("soft", "1");
    if (purge.everything) add("everything", "1");
    for (const ListField& field : list_fields)
        for (const std::string& text : purge.*field.member) add(field.name, text);
    return fields;
}

PurgeRecord decode_purge(StreamEntry entry) {
    PurgeRecord record;
    bool understood = entry.fields.size() % 2 == 0;
    for (std::size_t i = 0; i + 1 < entry.fields.size() && understood; i += 2)
        understood = take_field(record, entry.fields[i], entry.fields[i + 1]);
    if (understood && record.purge.size() > 0) return record;
    return {.purge = {.everything = true}, .appended = record.appended, .understood = false};
}

}  // namespace proxy::store
