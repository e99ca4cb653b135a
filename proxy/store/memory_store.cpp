#include "proxy/store/memory_store.hpp"

#include <mutex>

#include "proxy/store/memory_shard.hpp"

namespace proxy::store {

// Everything removed under the lock is freed after it: `dropped` is declared first.
class alignas(64) MemoryStore::Shard {
 public:
    Shard(std::size_t budget, std::size_t max_variants, const Purges& purges) : shard_(budget, max_variants, purges) {}

    MemoryShard::Hit find(const HashedKey& key, Time now) {
        MemoryShard::Dropped dropped;
        const std::lock_guard lock(mutex_);
        return shard_.find(key, now, dropped);
    }

    void put(const HashedKey& primary, StoredPtr response, std::uint64_t sequence, Time expires) {
        MemoryShard::Dropped dropped;
        const std::lock_guard lock(mutex_);
        shard_.put(primary, std::move(response), sequence, expires, dropped);
    }

    void remove(const HashedKey& key) {
        MemoryShard::Dropped dropped;
        const std::lock_guard lock(mutex_);
        shard_.remove(key, dropped);
    }

    void add_to(MemoryStats& sum) const {
        const std::lock_guard lock(mutex_);
        sum.objects += shard_.objects();
        sum.bytes += shard_.bytes();
        sum.evictions += shard_.evictions();
        sum.variants_dropped += shard_.variants_dropped();
    }

 private:
    mutable std::mutex mutex_;
    MemoryShard shard_;
};

MemoryStore::MemoryStore(const MemoryConfig& config, const Purges& purges) : config_(config) {
    for (std::size_t i = 0; i < config.shards; ++i)
        shards_.push_back(std::make_unique<Shard>(config.budget / config.shards, config.max_variants, purges));
}

MemoryStore::~MemoryStore() = default;

// A primary key's variants are looked for in its own shard, not in that of their own keys.
Found MemoryStore::lookup(std::string_view primary_key, const rules::RequestHeader& request, Time now) {
    const HashedKey primary(primary_key);
    Shard& shard = shard_of(primary.hash);
    MemoryShard::Hit hit = shard.find(primary, now);
    if (!hit.vary) {
        if (hit.response && !hit.response->selecting_fields().empty()) return {};
        return {.response = std::move(hit.response), .vary_miss = false};
    }

    StoredPtr latest;
    std::string wanted;
    for (const std::string& selecting_fields : hit.vary->sets) {
        std::string key = rules::variant_key(primary_key, selecting_fields, request);
        StoredPtr found = shard.find(HashedKey(key), now).response;
        if (wanted.empty()) wanted = std::move(key);
        if (!found || found->selecting_fields() != selecting_fields) continue;
        if (!latest || found->arrival().date > latest->arrival().date) latest = std::move(found);
    }
    if (!latest) return {.response = nullptr, .vary_miss = true, .variant = std::move(wanted)};
    return {.response = std::move(latest)};
}

void MemoryStore::put(std::string_view primary_key, StoredPtr response, Time now, seconds keep, Mark mark) {
    if (response->key().empty() || keep <= seconds{0}) return;
    const HashedKey primary(primary_key);
    Shard& shard = shard_of(primary.hash);
    if (response->content_size() > config_.max_object_size)
        shard.remove(HashedKey(response->key()));  // what it replaces
    else
        shard.put(primary, std::move(response), mark.sequence, now + keep);
}

void MemoryStore::remove(std::string_view primary_key) {
    const HashedKey primary(primary_key);
    shard_of(primary.hash).remove(primary);
}

MemoryStats MemoryStore::stats() const {
    MemoryStats sum;
    for (const auto& shard : shards_) shard->add_to(sum);
    return sum;
}

MemoryStore::Shard& MemoryStore::shard_of(std::size_t hash) const { return *shards_[hash & (shards_.size() - 1)]; }

}  // namespace proxy::store
