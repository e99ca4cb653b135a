#pragma once
// Content in keys of its own, beside the record that names it: written and read in batches, so that Redis serves others
// in between and a node never holds more of it than two of them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/store/redis_client.hpp"
#include "proxy/store/store.hpp"
#include "proxy/store/wire_format.hpp"

namespace proxy::store {

// Bytes of content in one pipeline.
inline constexpr std::size_t batch_size = 1u << 20;

// More pieces no record has: they grow with the content instead.
inline constexpr std::uint32_t max_pieces = 4096;

struct RedisStoreStats {
    Counter bad_records;       // did not decode, or bore another key: a miss
    Counter lost_content;      // of a record pieces were gone: a miss, or too late for one
    Counter variants_dropped;  // one more than max_variants was stored
};

[[nodiscard]] std::uint64_t new_generation();  // never 0, never one that was used

// Where `size` bytes go: no pieces where they fit into the record.
[[nodiscard]] Pieces pieces_for(std::uint64_t size, std::size_t chunk_size);

// The Redis key of a piece.
[[nodiscard]] std::string piece_name(std::string_view record, std::uint64_t generation, std::uint32_t number);

// All or nothing: what was written is removed again where Redis refuses the rest.
Awaitable<Result<void>> write_pieces(RedisClient& client, const rules::StoredResponse& response, Pieces pieces,
                                     std::string_view record, seconds keep);

// The pieces of a record that is gone. Nobody begins to read them; who has begun may go on for `readable`.
Awaitable<void> retire_pieces(RedisClient& client, Pieces pieces, std::string_view record, milliseconds readable);

// Removes a record unless it was replaced since its first bytes were these.
Awaitable<void> unlink_record(RedisClient& client, std::string_view record, std::string_view first_bytes);

// Reads the pieces of one response. While one batch is used the next one is on its way. Where they are damaged or lost,
// that is counted, and the record removed.
class PieceReader final : public ContentSource {
 public:
    // Of the record with that Redis key and those first bytes. Client and stats outlive it.
    PieceReader(RedisClient& client, RedisStoreStats& stats, std::string record, std::string first_bytes, Pieces pieces,
                std::uint64_t size);
    ~PieceReader() override;

    // Reads the first batch, having seen that all of the pieces are there. Once, before next().
    Awaitable<Result<void>> open();

    Awaitable<Result<Chunks>> next() override;
    [[nodiscard]] std::uint64_t digest() const override;

 private:
    struct State;
    static Awaitable<Result<Chunks>> read_batch(std::shared_ptr<State> state);
    static Awaitable<Errc> give_up(const State& state, Errc why);
    static void read_ahead(const std::shared_ptr<State>& state);

    std::shared_ptr<State> state_;  // also held by what reads ahead
};

}  // namespace proxy::store
