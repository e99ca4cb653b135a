#pragma once
// Records as they stand in Redis: versioned, checksummed, bearing their own full key. What comes back is input.
//
// Integers are little-endian and of fixed size; times are seconds from 1970 to 2106; a string is a u32 length and its
// bytes. Nothing follows the checksum.
//
//   offset size
//   0      4    "WEIR"
//   4      1    version: 3
//   5      1    kind: 1 response, 2 index of selecting fields, 3 piece of content
//   6      2    0
//   8      8    generation: of the pieces (kinds 1 and 3; 0 where content is inline), of the index (kind 2)
//   16     4    number: of pieces (kind 1; 0: content is inline), of sets (kind 2); which piece, from 0 (kind 3)
//   20     ...  by kind, see below
//   end-8  8    XXH3-64 of all bytes before
//
//   kind 1: u64 generation of the index it is listed in, 0 without Vary; u16 status;
//           i64 request_time, response_time, date, age;
//           i64 lifetime, stale_while_revalidate, stale_if_error, stale_when_disconnected;
//           u8 lifetime source; u8 flags: 1 no_cache, 2 must_revalidate; u64 purge position;
//           i64 fetch time in milliseconds;
//           string key, head, selecting fields; u32 how many surrogate keys, each a string;
//           u32 how many parts the content is of, 0 where it is complete; where it is not: u64 complete length, and of
//           each part u64 first, last (offsets, inclusive);
//           u64 content size; the content itself where it is inline, else XXH3-64 of all of it
//   kind 2: string primary key; the sets as strings, newest first
//   kind 3: string content

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/error.hpp"
#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/stored_response.hpp"

namespace proxy::store {

// Content that stands in keys of its own. A generation is random and never used twice.
struct Pieces {
    std::uint64_t generation = 0;
    std::uint32_t count = 0;   // 0: none, content is inline
    std::uint64_t digest = 0;  // of all content (ContentDigest)
    friend bool operator==(const Pieces&, const Pieces&) = default;
};

struct ResponseRecord {
    rules::StoredPtr response;  // without content where there are pieces
    std::uint64_t content_size = 0;
    std::uint64_t index_generation = 0;
    std::uint64_t purge_position = 0;  // Mark::position of the moment when the fetch began
    Pieces pieces;
};

// A variant counts only if it bears the generation of the index: with the index, all its variants go.
struct IndexRecord {
    std::uint64_t generation = 0;
    rules::VaryIndex vary;
};

using Record = std::variant<ResponseRecord, IndexRecord>;

// What every index begins with.
inline constexpr std::string_view index_prefix{"WEIR\x03\x02", 6};

// All a caller needs to find the pieces of a record.
inline constexpr std::size_t record_prefix_size = 20;

[[nodiscard]] std::string encode_response(const rules::StoredResponse& response, std::uint64_t index_generation,
                                          const Pieces& pieces, std::uint64_t purge_position = 0);
[[nodiscard]] std::string encode_index(std::string_view primary_key, const IndexRecord& index);

// `length` bytes of the content from `offset` on.
[[nodiscard]] std::string encode_piece(const rules::StoredResponse& response, std::uint64_t offset,
                                       std::uint64_t length, std::uint64_t generation, std::uint32_t number);

// bad_wire_format unless every byte is as expected and the record bears `expected_key`. A length is believed only
// within the input.
[[nodiscard]] Result<Record> decode_record(std::string_view bytes, std::string_view expected_key);

// A view into `bytes`.
[[nodiscard]] Result<std::string_view> decode_piece(std::string_view bytes, std::uint64_t generation,
                                                    std::uint32_t number);

// Of the first record_prefix_size bytes of a response: a hint, no checksum covers it. None for anything else.
[[nodiscard]] Pieces peek_pieces(std::string_view prefix) noexcept;

[[nodiscard]] std::uint64_t checksum(std::string_view bytes) noexcept;

}  // namespace proxy::store
