#pragma once
// The tier in this process: a sharded map within a byte budget, shared by all workers.

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/config/config.hpp"
#include "proxy/store/store.hpp"

namespace proxy::store {

struct MemoryStats {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;  // overhead included
    std::uint64_t evictions = 0;
    std::uint64_t variants_dropped = 0;  // one more than max_variants was stored
};

// Any thread. The functions of Store, without waiting: a shard's mutex is held inside one call.
// Eviction is SIEVE (Zhang et al., NSDI 2024): scan resistant, and a hit writes one flag.
class MemoryStore {
 public:
    MemoryStore(const MemoryConfig& config, const Purges& purges);  // which outlive it
    ~MemoryStore();
    MemoryStore(const MemoryStore&) = delete;
    MemoryStore& operator=(const MemoryStore&) = delete;

    [[nodiscard]] Found lookup(std::string_view primary_key, const rules::RequestHeader& request, Time now);

    // Where the response is larger than max_object_size or its shard's budget, what it replaces goes nevertheless.
    void put(std::string_view primary_key, StoredPtr response, Time now, seconds keep, Mark mark);

    void remove(std::string_view primary_key);

    [[nodiscard]] MemoryStats stats() const;  // sums over the shards

 private:
    class Shard;
    [[nodiscard]] Shard& shard_of(std::size_t hash) const;

    const MemoryConfig config_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace proxy::store
