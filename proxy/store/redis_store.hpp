#pragma once
// The tier shared by every node: stored responses in Redis.
//
// Keys (prefix "weir"); all of one primary key share a hash tag, and so one slot of a Redis Cluster:
//   weir:{http://host/path?query}                      the response, or where it varies the index of selecting fields
//   weir:{http://host/path?query}accept-encoding=gzip  a variant (the variant part of its key, without the space)
//   weir:{http://host/path?query}:variants             a sorted set of the variants, by when they were stored
//   <key of the response>#<generation>.<n>             content above chunk_size, piece n
// Every key has a TTL. Nothing here walks the keys of others.
//
// A look-up fails while the purge log cannot be followed: what is here may have been purged.
//
// An index bears a random generation, and so does each variant: only those of the index's own generation count, so that
// dropping the index drops them all, also for an index made later. Nodes change an index by compare-and-set.
//
// The sorted set bounds the variants: for one more than max_variants the one stored longest ago goes. Only put and
// remove use it. What it lists may be gone already, or be of an earlier generation: then it is the first to go.

#include "proxy/store/redis_client.hpp"
#include "proxy/store/redis_content.hpp"
#include "proxy/store/store.hpp"
#include "proxy/store/wire_format.hpp"

namespace proxy::store {

class RedisStore final : public Store {
 public:
    RedisStore(RedisClient& client, const RedisConfig& config, const Purges& purges);  // all outlive it

    Awaitable<Result<Found>> lookup(std::string_view primary_key, const rules::RequestHeader& request) override;
    Awaitable<Result<void>> put(std::string_view primary_key, StoredPtr response, seconds keep, Mark mark) override;
    Awaitable<Result<void>> remove(std::string_view primary_key) override;

    [[nodiscard]] const RedisStoreStats& stats() const noexcept { return stats_; }

 private:
    Awaitable<Result<Found>> lookup_variant(std::string_view primary_key, const rules::RequestHeader& request,
                                            IndexRecord index);
    Awaitable<Result<Found>> with_content(ResponseRecord record, std::string_view name, std::string_view bytes);
    Awaitable<Result<void>> put_plain(std::string_view name, const rules::StoredResponse& response, Pieces pieces,
                                      seconds keep, Mark mark);
    Awaitable<Result<void>> put_variant(std::string_view primary_key, std::string_view name,
                                        const rules::StoredResponse& response, Pieces pieces, seconds keep, Mark mark);
    [[nodiscard]] bool is_purged(ResponseRecord& record) const;              // a soft purge makes it stale instead
    Awaitable<void> discard(std::string_view name, std::string_view bytes);  // a bad record
    Awaitable<void> retire(std::string_view name, std::string_view bytes);   // the pieces of a record that is gone

    // The Redis key of a response: of a variant where `key` is not the primary key.
    [[nodiscard]] std::string name_of(std::string_view primary_key, std::string_view key) const;
    [[nodiscard]] std::string variants_of(std::string_view primary_key) const;  // the Redis key of the sorted set
    Result<std::string> value_of(Reply reply);  // of a GET; empty: none, or not a string

    RedisClient& client_;
    const RedisConfig& config_;
    const Purges& purges_;
    RedisStoreStats stats_;
};

}  // namespace proxy::store
