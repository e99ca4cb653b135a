#include "proxy/config/map_reader.hpp"

#include <algorithm>

#include "proxy/config/variables.hpp"

namespace proxy::config {
namespace {

const char* name_of(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::scalar: return "a single value";
        case Node::Kind::list: return "a list";
        case Node::Kind::map: return "a map of keys";
    }
    return "";
}

}  // namespace

void Source::read_scalar(const Node& node, const std::string& path, const std::function<void(std::string_view)>& use) {
    if (!expect(Node::Kind::scalar, node, path)) return;
    try {
        use(expand_variables(node.text, environment));
    } catch (const BadValue& bad) {
        problem(node.line, path, bad.what());
    }
}

bool Source::expect(Node::Kind kind, const Node& node, const std::string& path) {
    if (node.kind == kind) return true;
    const std::string is = node.kind == Node::Kind::null ? "has no value" : std::string("is ") + name_of(node.kind);
    problem(node.key_line > 0 ? node.key_line : node.line, path, is + ", expected " + name_of(kind));
    return false;
}

void short_form(AdminConfig& admin, std::string_view text) { AdminAddress{}.read(text, admin.listen); }

void short_form(RedisConfig& redis, std::string_view text) { apply_redis_url(redis, text); }

void check(const RedisConfig& redis) {
    if (redis.reconnect_min > redis.reconnect_max) {
        throw BadValue("reconnect_min (" + duration_text(redis.reconnect_min) + ") is above reconnect_max (" +
                       duration_text(redis.reconnect_max) + "), expected it at or below");
    }
}

MapReader::MapReader(const Node& map, std::string path, Source& source)
    : map_(map), path_(std::move(path)), source_(source) {
    for (auto entry = map_.children.begin(); entry != map_.children.end(); ++entry) {
        const auto first = std::ranges::find(map_.children, entry->key, &Node::key);
        if (first == entry) continue;
        source_.problem(entry->key_line, path_of(entry->key),
                        "is given twice, first on line " + std::to_string(first->key_line) + ", expected it once");
    }
}

const Node* MapReader::take(const char* key) {
    known_.emplace_back(key);
    return find(key);
}

const Node* MapReader::find(const char* key) const {
    const auto found = std::ranges::find(map_.children, key, &Node::key);
    return found == map_.children.end() ? nullptr : &*found;
}

std::string MapReader::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + '.' + std::string(key);
}

void MapReader::report_unknown() {
    for (const Node& entry : map_.children) {
        if (std::ranges::find(known_, entry.key) != known_.end()) continue;
        const std::string suggestion = did_you_mean(entry.key, known_);
        source_.problem(entry.key_line, path_of(entry.key),
                        "unknown key" + (suggestion.empty() ? ", expected " + joined(known_) : suggestion));
    }
}

}  // namespace proxy::config
