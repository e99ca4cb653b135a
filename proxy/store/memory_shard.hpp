#pragma once
// One shard of the memory tier: a hash table of stored responses, their eviction queue and their budget, without a
// lock.
//
// Eviction is SIEVE, see memory_store.hpp. What is stored under a primary key is one response, or variants and the
// index that names them. An index lives exactly as long as it has variants: it goes with the last of them, and they all
// go with it, so none can be found again through a later index. All of one primary key is in one shard.

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
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
        StoredPtr response;  // or, where variants are stored,
        VaryPtr vary;        // what names theirs; both are null on a miss
    };

    // `purges` outlives it.
    MemoryShard(std::size_t budget, std::size_t max_variants, const Purges& purges)
        : budget_(budget), max_variants_(max_variants), purges_(purges) {}
    ~MemoryShard();
    MemoryShard(const MemoryShard&) = delete;
    MemoryShard& operator=(const MemoryShard&) = delete;

    [[nodiscard]] Hit find(const HashedKey& key, Time now, Dropped& dropped);
    // `sequence`: see Mark (purges.hpp).
    void put(const HashedKey& primary, StoredPtr response, std::uint64_t sequence, Time expires, Dropped& dropped);
    void remove(const HashedKey& key, Dropped& dropped);  // of an index: with all variants

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t objects() const noexcept { return queue_.size(); }
    [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }
    [[nodiscard]] std::uint64_t variants_dropped() const noexcept { return variants_dropped_; }

 private:
    using QueueHook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    using TableHook =
        boost::intrusive::unordered_set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    using VariantHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct OfIndex>,
                                                         boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    struct Index;

    // There are as many as there are objects: every member counts.
    struct Entry : QueueHook, TableHook {
        StoredPtr response;
        Index* listed_in = nullptr;  // null unless it is a Variant
        std::uint64_t sequence = 0;  // of the purges that are known not to concern it
        std::uint32_t expires = 0;   // seconds since 1970
        bool visited = false;
    };

    struct Variant : Entry, VariantHook {};
    using Variants = boost::intrusive::list<Variant, boost::intrusive::base_hook<VariantHook>>;

    struct Index {
        std::string primary;
        VaryPtr vary;
        Variants variants;      // newest in front; at most max_variants
        std::size_t bytes = 0;  // counted for it
    };

    // The low bits chose the shard.
    struct HashOf {
        std::size_t operator()(const HashedKey& key) const noexcept { return key.hash >> 24; }
        std::size_t operator()(const Entry& entry) const noexcept { return (*this)(HashedKey(entry.response->key())); }
    };
    struct SameKey {
        bool operator()(const HashedKey& key, const Entry& entry) const noexcept {
            return key.text == entry.response->key();
        }
        bool operator()(const Entry& a, const Entry& b) const noexcept {
            return a.response->key() == b.response->key();
        }
    };
    using Table =
        boost::intrusive::unordered_set<Entry, boost::intrusive::hash<HashOf>, boost::intrusive::equal<SameKey>,
                                        boost::intrusive::power_2_buckets<true>>;
    using Buckets = std::vector<Table::bucket_type>;
    using Queue = boost::intrusive::list<Entry, boost::intrusive::base_hook<QueueHook>>;
    struct HashOfPrimary {
        std::size_t operator()(const HashedKey& key) const noexcept { return key.hash; }
    };
    // A key refers to its Index::primary.
    using Indexes = std::unordered_map<HashedKey, std::unique_ptr<Index>, HashOfPrimary>;

    static std::size_t index_bytes(std::string_view primary, const rules::VaryIndex& vary) noexcept;
    static std::size_t response_bytes(const rules::StoredResponse& response, bool is_variant) noexcept;

    static void free(Entry* entry) noexcept;
    [[nodiscard]] Entry* find_response(const HashedKey& key);
    [[nodiscard]] StoredPtr recheck(Entry& entry, Dropped& dropped);
    Index& list_under(const HashedKey& primary, std::string_view selecting_fields, Dropped& dropped);
    void make_bucket();
    void make_room(std::size_t bytes, Dropped& dropped);
    [[nodiscard]] Entry& next_victim();
    void erase(Entry& entry, Dropped& dropped);

    const std::size_t budget_;
    const std::size_t max_variants_;
    const Purges& purges_;
    std::size_t bytes_ = 0;
    std::uint64_t evictions_ = 0;
    std::uint64_t variants_dropped_ = 0;
    Buckets buckets_{16};
    Table table_{Table::bucket_traits(buckets_.data(), buckets_.size())};
    Queue queue_;  // newest in front
    Queue::iterator hand_ = queue_.end();
    Indexes indexes_;
};

}  // namespace proxy::store
