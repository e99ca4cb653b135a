#pragma once
// One shard of the memory tier: a map, its eviction queue and its budget, without a lock.
//
// An entry is a stored response or the index of the variants under a primary key. An index lives exactly as long as it
// has variants: it goes with the last of them, and they all go with it, so none can be found again through a later
// index. All entries of one primary key are in one shard.

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/rules/cache_key.hpp"
#include "proxy/store/store.hpp"

namespace proxy::store {

// A key whose hash is known. The text belongs to someone else.
struct HashedKey {
    explicit HashedKey(std::string_view key) : text(key), hash(std::hash<std::string_view>{}(key)) {}

    std::string_view text;
    std::size_t hash;
    friend bool operator==(const HashedKey& a, const HashedKey& b) noexcept {
        return a.hash == b.hash && a.text == b.text;
    }
};

class MemoryShard {
 public:
    // What was removed, for the caller to free where nobody waits.
    using Dropped = std::vector<StoredPtr>;
    using VaryPtr = std::shared_ptr<const rules::VaryIndex>;

    struct Hit {
        StoredPtr response;  // or
        VaryPtr vary;        // what to look for
    };

    // `purges` outlives it.
    MemoryShard(std::size_t budget, std::size_t max_variants, const Purges& purges)
        : budget_(budget), max_variants_(max_variants), purges_(purges) {}
    ~MemoryShard();
    MemoryShard(const MemoryShard&) = delete;
    MemoryShard& operator=(const MemoryShard&) = delete;

    [[nodiscard]] Hit find(const HashedKey& key, Time now, Dropped& dropped);
    // `sequence`: see Mark.
    void put(const HashedKey& primary, StoredPtr response, std::uint64_t sequence, Time expires, Dropped& dropped);
    void remove(const HashedKey& key, Dropped& dropped);  // of an index: with all variants

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t objects() const noexcept { return queue_.size(); }
    [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }
    [[nodiscard]] std::uint64_t variants_dropped() const noexcept { return variants_dropped_; }

 private:
    using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    struct Index;

    struct Entry {
        StoredPtr response;            // null: an index
        std::unique_ptr<Index> index;  // null: a response
        Entry* listed_in = nullptr;    // a variant's index
        Time expires;
        std::uint64_t sequence = 0;  // of the purges that are known not to concern it
        std::size_t bytes = 0;
        bool visited = false;
        Hook queue, siblings;
    };

    template <Hook Entry::* hook>
    using List = boost::intrusive::list<Entry, boost::intrusive::member_hook<Entry, Hook, hook>>;
    using Queue = List<&Entry::queue>;

    struct Index {
        std::string primary;
        VaryPtr vary;
        List<&Entry::siblings> variants;  // newest in front; at most max_variants
    };

    struct HashOf {
        std::size_t operator()(const HashedKey& key) const noexcept { return key.hash; }
    };
    using Map = std::unordered_map<HashedKey, Entry, HashOf>;

    static std::size_t index_bytes(const Index& index) noexcept;
    static std::size_t response_bytes(const rules::StoredResponse& response) noexcept;

    [[nodiscard]] StoredPtr recheck(Map::iterator at, Dropped& dropped);
    Entry& list_under(std::string_view primary, const std::string& selecting_fields, Dropped& dropped);
    void erase_by_key(const Entry& entry, Dropped& dropped);
    void make_room(std::size_t bytes, Dropped& dropped);
    [[nodiscard]] Entry& next_victim();
    void erase_response(Map::iterator at, Dropped& dropped);

    const std::size_t budget_;
    const std::size_t max_variants_;
    const Purges& purges_;
    std::size_t bytes_ = 0;
    std::uint64_t evictions_ = 0;
    std::uint64_t variants_dropped_ = 0;
    Map map_;
    Queue queue_;  // responses only, newest in front
    Queue::iterator hand_ = queue_.end();
};

}  // namespace proxy::store
