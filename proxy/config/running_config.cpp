#include "proxy/config/running_config.hpp"

#include <map>
#include <optional>

#include "proxy/config/keys.hpp"
#include "proxy/config/print_config.hpp"

namespace proxy {
namespace {

// The text of each value by its key, a.b.c; secrets as they are.
class Lister {
 public:
    explicit Lister(std::map<std::string, std::string>& texts, std::string prefix = {})
        : texts_(texts), prefix_(std::move(prefix)) {}

    template <class T, class Format>
    void scalar(const char* key, const T& value, const Format& format) {
        texts_[prefix_ + key] = format.write(value);
    }
    void scalar(const char* key, const std::string& value, const config::Secret&) { texts_[prefix_ + key] = value; }
    template <class T, class Format>
    void list(const char* key, const std::vector<T>& values, const Format& format) {
        std::string& text = texts_[prefix_ + key];
        for (const T& value : values) text += format.write(value) + '\n';
    }
    template <class T>
    void section(const char* key, T& value) {
        Lister inner(texts_, prefix_ + key + '.');
        config::fields(value, inner);
    }
    template <class T>
    void section(const char* key, std::optional<T>& value) {
        texts_[prefix_ + key] = value ? "on" : "off";
        if (value) section(key, *value);
    }

 private:
    std::map<std::string, std::string>& texts_;
    std::string prefix_;
};

std::map<std::string, std::string> texts_of(Config& config) {
    std::map<std::string, std::string> texts;
    Lister lister(texts);
    config::fields(config, lister);
    return texts;
}

void keep_what_cannot_change(Config& fresh, const Config& running) {
    fresh.listen = running.listen;
    fresh.workers = running.workers;
    if (fresh.admin.listen != running.admin.listen) fresh.admin = running.admin;  // its token fits its address
    fresh.redis = running.redis;
    fresh.memory = running.memory;
    fresh.collapse = running.collapse;
    fresh.log.access = running.log.access;
    fresh.purge.max_entries = running.purge.max_entries;
    fresh.purge.max_log = running.purge.max_log;
    fresh.purge.max_pending = running.purge.max_pending;
}

// FNV-1a, so that nodes can be compared; 48 bits are exact in a double.
std::uint64_t hash_of(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash >> 16;
}

}  // namespace

RunningConfig::RunningConfig(Config config) { put(std::move(config)); }

void RunningConfig::put(Config config) {
    stats_.hash = hash_of(print_config(config));
    stats_.last_success = std::chrono::system_clock::now();
    config_ = std::make_shared<const Config>(std::move(config));
}

std::shared_ptr<const Config> RunningConfig::get() const {
    const std::lock_guard lock(mutex_);
    return config_;
}

std::vector<std::string> RunningConfig::replace(Config fresh) {
    const std::lock_guard lock(mutex_);
    const auto wanted = texts_of(fresh);
    keep_what_cannot_change(fresh, *config_);
    const auto kept = texts_of(fresh);
    std::vector<std::string> keys;
    for (const auto& [key, text] : wanted) {
        const auto at = kept.find(key);
        if (at != kept.end() && at->second != text) keys.push_back(key);
    }
    put(std::move(fresh));
    ++stats_.succeeded;
    stats_.last_successful = true;
    return keys;
}

void RunningConfig::replace_failed() {
    const std::lock_guard lock(mutex_);
    ++stats_.failed;
    stats_.last_successful = false;
}

RunningConfig::Stats RunningConfig::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

}  // namespace proxy
