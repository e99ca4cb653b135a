#pragma once
// What was purged, and when: which responses are no longer good, wherever they are stored.
//
// Nothing is looked for when something is purged. A response bears the mark of the moment when its fetch began, and is
// no longer good where something it belongs to was purged after that. So a purge costs the same for one response and
// for a million, and one that is still being fetched is caught like all others.
//
// There are two orders. In this process each purge has a number, which also orders those that Redis never heard of; the
// memory tier goes by it. In the purge log each has a position, the same on all nodes; the Redis tier goes by that. No
// clock is compared with another machine's.

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/rules/stored_response.hpp"

namespace proxy::store {

// A moment among the purges. 0: before all of them.
struct Mark {
    std::uint64_t sequence = 0;  // how many this process had applied
    std::uint64_t position = 0;  // the last it knew of in the purge log
    friend bool operator==(const Mark&, const Mark&) = default;
};

// What one request or one answer of an origin purges.
struct Purge {
    std::vector<std::string> urls{};  // as primary keys have them: all variants, whatever else the key says
    std::vector<std::string> surrogate_keys{};
    std::vector<std::string> prefixes{};  // how URLs begin: at least the origin and a slash
    std::vector<std::string> hosts{};     // lower case, without port
    bool everything = false;
    bool soft = false;  // stale rather than gone
    friend bool operator==(const Purge&, const Purge&) = default;

    [[nodiscard]] std::size_t size() const noexcept {
        return urls.size() + surrogate_keys.size() + prefixes.size() + hosts.size() + (everything ? 1 : 0);
    }
};

// Any thread. The newest purge of each thing is remembered; of more than `max_entries` things the one purged longest
// ago goes, and what was fetched before that purge then counts as purged, whatever it is.
class Purges {
 public:
    explicit Purges(std::size_t max_entries) : max_entries_(max_entries) {}

    // To be taken before the origin is asked, or another store: what it answers is newer than all purges until then.
    [[nodiscard]] Mark mark() const noexcept { return {sequence_.load(), position_.load()}; }

    // `position`: 0 where it is not in the log. Does nothing for a thing whose purge at this position, or at a later
    // one, is known already. `now` is when a soft purge ends freshness.
    void apply(const Purge& purge, std::uint64_t position, rules::Time now);

    struct Effect {
        bool gone = false;
        std::optional<rules::Time> stale_since{};
        [[nodiscard]] bool any() const noexcept { return gone || stale_since; }
    };

    // What the purges after `mark` do to it, in the order of this process or of the log.
    [[nodiscard]] Effect since_sequence(std::uint64_t sequence, const rules::StoredResponse& response) const;
    [[nodiscard]] Effect since_position(std::uint64_t position, const rules::StoredResponse& response) const;

    // Whether what Redis holds can be judged: all of the log has been applied, and all that was purged here is in it.
    [[nodiscard]] bool is_current() const noexcept { return current_.load(); }
    void set_current(bool current) noexcept { current_.store(current); }

    [[nodiscard]] std::size_t entries() const;  // things remembered

    // So many lengths of prefixes are told apart. A prefix of another length purges what a shorter one would.
    static constexpr std::size_t max_prefix_lengths = 64;

 private:
    enum Kind : std::uint8_t { url, surrogate_key, prefix, host };
    static constexpr std::size_t kinds = 4;

    struct Stamps {
        Mark hard, soft;
        rules::Time soft_at{};
    };
    struct Moment {
        Mark mark;
        bool soft;
        rules::Time now;
    };
    struct Entry : Stamps {
        Kind kind{};
        const std::string* text = nullptr;
        boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>> hook;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
    using Order =
        boost::intrusive::list<Entry, boost::intrusive::member_hook<Entry, decltype(Entry::hook), &Entry::hook>>;

    static bool stamp(Stamps& stamps, const Moment& moment) noexcept;
    bool note(Kind kind, std::string_view text, const Moment& moment);
    bool note_prefix(std::string_view text, const Moment& moment);
    void drop_oldest();
    [[nodiscard]] Effect effect(std::uint64_t since, std::uint64_t Mark::* order,
                                const rules::StoredResponse& response) const;

    const std::size_t max_entries_;
    std::atomic<std::uint64_t> sequence_{0};
    std::atomic<std::uint64_t> position_{0};
    std::atomic<bool> current_{false};

    mutable std::shared_mutex mutex_;
    std::array<Map, kinds> maps_;
    Order order_;                                        // oldest in front
    Stamps everything_;                                  // also of what was dropped
    std::map<std::size_t, std::size_t> prefix_lengths_;  // and how many there are of each
};

}  // namespace proxy::store
