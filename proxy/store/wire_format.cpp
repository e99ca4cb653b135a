#include "proxy/store/wire_format.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <chrono>
#include <optional>

#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::store {
namespace {

using rules::Freshness;
using rules::LifetimeSource;
using rules::StoredResponse;
using rules::Time;
using std::chrono::seconds;

enum class Kind : std::uint8_t { response = 1, index = 2, piece = 3 };

constexpr std::string_view magic = "WEIR";
constexpr std::uint8_t version = 3;
constexpr std::size_t checksum_size = 8;
constexpr std::int64_t latest_time = rules::latest_kept_time.time_since_epoch().count();
constexpr std::int64_t longest_duration = latest_time;  // as long as a stored response keeps
constexpr std::uint64_t longest_content = std::uint64_t{1} << 62;

class Writer {
 public:
    Writer(Kind kind, std::uint64_t generation, std::uint32_t number, std::size_t capacity) {
        out_.reserve(record_prefix_size + capacity + checksum_size);
        out_ += magic;
        integer(version);
        integer(static_cast<std::uint8_t>(kind));
        integer(std::uint16_t{0});
        integer(generation);
        integer(number);
    }

    template <class Integer>
    void integer(Integer value) {
        char bytes[sizeof value];
        boost::endian::endian_store<Integer, sizeof value, boost::endian::order::little>(
            reinterpret_cast<unsigned char*>(bytes), value);
        out_.append(bytes, sizeof value);
    }

    void duration(seconds value) { integer(static_cast<std::int64_t>(value.count())); }
    void time(Time value) { duration(value.time_since_epoch()); }

    void string(std::string_view value) {
        integer(static_cast<std::uint32_t>(value.size()));
        out_ += value;
    }

    void content(const StoredResponse& response, std::uint64_t offset, std::uint64_t length) {
        rules::for_each_piece(response, offset, length, [this](std::string_view piece) { out_ += piece; });
    }

    std::string finish() && {
        integer(checksum(out_));
        return std::move(out_);
    }

 private:
    std::string out_;
};

// Reads from the front; a read beyond the end gives zeros and is remembered.
class Reader {
 public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    std::string_view bytes(std::uint64_t count) {
        if (count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    template <class Integer>
    Integer integer() {
        const std::string_view taken = bytes(sizeof(Integer));
        if (taken.empty()) return 0;
        return boost::endian::endian_load<Integer, sizeof(Integer), boost::endian::order::little>(
            reinterpret_cast<const unsigned char*>(taken.data()));
    }

    template <class Integer>
    Integer integer(Integer lowest, Integer highest) {
        const auto value = integer<Integer>();
        require(value >= lowest && value <= highest);
        return value;
    }

    seconds duration() { return seconds{integer<std::int64_t>(0, longest_duration)}; }
    Time time() { return Time{seconds{integer<std::int64_t>(0, latest_time)}}; }
    std::string_view string() { return bytes(integer<std::uint32_t>()); }

    void require(bool condition) { failed_ = failed_ || !condition; }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] bool complete() const { return !failed_ && rest_.empty(); }

 private:
    std::string_view rest_;
    bool failed_ = false;
};

struct Prefix {
    Kind kind;
    std::uint64_t generation;
    std::uint32_t number;
};

std::optional<Prefix> read_prefix(Reader& reader) {
    reader.require(reader.bytes(magic.size()) == magic);
    reader.require(reader.integer<std::uint8_t>() == version);
    const auto kind = reader.integer<std::uint8_t>(1, 3);
    reader.require(reader.integer<std::uint16_t>() == 0);
    const auto generation = reader.integer<std::uint64_t>();
    const auto number = reader.integer<std::uint32_t>();
    if (reader.failed()) return std::nullopt;
    return Prefix{static_cast<Kind>(kind), generation, number};
}

// The record without its checksum, or nothing where it is damaged.
std::optional<std::string_view> checked(std::string_view bytes) {
    if (bytes.size() < checksum_size) return std::nullopt;
    const std::string_view covered = bytes.substr(0, bytes.size() - checksum_size);
    Reader trailer(bytes.substr(covered.size()));
    if (trailer.integer<std::uint64_t>() != checksum(covered)) return std::nullopt;
    return covered;
}

void write_freshness(Writer& out, const Freshness& freshness) {
    out.duration(freshness.lifetime);
    out.duration(freshness.stale_while_revalidate);
    out.duration(freshness.stale_if_error);
    out.duration(freshness.stale_when_disconnected);
    out.integer(static_cast<std::uint8_t>(freshness.source));
    out.integer(static_cast<std::uint8_t>((freshness.no_cache ? 1 : 0) | (freshness.must_revalidate ? 2 : 0)));
}

Freshness read_freshness(Reader& in) {
    Freshness freshness;
    freshness.lifetime = in.duration();
    freshness.stale_while_revalidate = in.duration();
    freshness.stale_if_error = in.duration();
    freshness.stale_when_disconnected = in.duration();
    freshness.source = static_cast<LifetimeSource>(
        in.integer<std::uint8_t>(0, static_cast<std::uint8_t>(LifetimeSource::override_ttl)));
    const auto flags = in.integer<std::uint8_t>(0, 3);
    freshness.no_cache = (flags & 1) != 0;
    freshness.must_revalidate = (flags & 2) != 0;
    return freshness;
}

void write_partial(Writer& out, const rules::Partial* partial) {
    if (!partial) return out.integer(std::uint32_t{0});
    out.integer(static_cast<std::uint32_t>(partial->parts.size()));
    out.integer(partial->complete_length);
    for (const rules::ByteRange& part : partial->parts) {
        out.integer(part.first);
        out.integer(part.last);
    }
}

// Null where the content is complete. Each part lies behind the one before, and together they have `content_size`.
std::shared_ptr<const rules::Partial> read_partial(Reader& in) {
    auto left = in.integer<std::uint32_t>();
    if (left == 0) return nullptr;
    auto partial = std::make_shared<rules::Partial>();
    partial->complete_length = in.integer<std::uint64_t>(2, longest_content);
    for (std::uint64_t from = 0; left > 0 && !in.failed(); --left) {
        rules::ByteRange part{};
        part.first = in.integer<std::uint64_t>(from, partial->complete_length - 1);
        part.last = in.integer<std::uint64_t>(part.first, partial->complete_length - 1);
        partial->parts.push_back(part);
        from = part.last + 2;
    }
    return partial;
}

std::uint64_t size_of_parts(const rules::Partial& partial) {
    std::uint64_t size = 0;
    for (const rules::ByteRange& part : partial.parts) size += part.size();
    return size;
}

void write_surrogate_keys(Writer& out, std::string_view list) {
    std::uint32_t count = 0;
    rules::for_each_surrogate_key(list, [&](std::string_view) { ++count; });
    out.integer(count);
    rules::for_each_surrogate_key(list, [&](std::string_view key) { out.string(key); });
}

// Separated by spaces, as none has one.
std::string read_surrogate_keys(Reader& in) {
    std::string list;
    for (auto left = in.integer<std::uint32_t>(); left > 0 && !in.failed(); --left) {
        const std::string_view key = in.string();
        in.require(!key.empty() && key.find(' ') == key.npos);
        (list.empty() ? list : list += ' ') += key;
    }
    return list;
}

Result<Record> read_response(Reader& in, const Prefix& prefix, std::string_view expected_key) {
    ResponseRecord record;
    record.pieces = {.generation = prefix.generation, .count = prefix.number};
    rules::StoredDraft draft;
    record.index_generation = in.integer<std::uint64_t>();
    draft.status = in.integer<std::uint16_t>(100, 999);
    draft.arrival.request_time = in.time();
    draft.arrival.response_time = in.time();
    draft.arrival.date = in.time();
    draft.arrival.age = in.duration();
    draft.freshness = read_freshness(in);
    record.purge_position = in.integer<std::uint64_t>();
    draft.fetch_time = std::chrono::milliseconds{in.integer<std::int64_t>(0, longest_duration)};
    draft.key = in.string();
    if (in.failed() || draft.key != expected_key) return Errc::bad_wire_format;
    draft.head = in.string();
    draft.selecting_fields = in.string();
    const std::string surrogate_keys = read_surrogate_keys(in);
    draft.surrogate_keys = surrogate_keys;
    draft.partial = read_partial(in);
    record.content_size = in.integer<std::uint64_t>();
    if (draft.partial) {
        in.require(record.content_size == size_of_parts(*draft.partial));
        in.require(record.content_size < draft.partial->complete_length);
    }
    if (record.pieces.count == 0)
        draft.content = in.bytes(record.content_size);
    else
        record.pieces.digest = in.integer<std::uint64_t>();
    if (!in.complete()) return Errc::bad_wire_format;
    record.response = StoredResponse::make(draft);
    return Record(std::move(record));
}

Result<Record> read_index(Reader& in, const Prefix& prefix, std::string_view expected_key) {
    IndexRecord index{.generation = prefix.generation, .vary = {}};
    if (in.string() != expected_key || prefix.number > rules::VaryIndex::max_sets) return Errc::bad_wire_format;
    for (std::uint32_t i = 0; i < prefix.number; ++i) index.vary.sets.emplace_back(in.string());
    if (!in.complete()) return Errc::bad_wire_format;
    return Record(std::move(index));
}

}  // namespace

std::uint64_t checksum(std::string_view bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string encode_response(const StoredResponse& response, std::uint64_t index_generation, const Pieces& pieces,
                            std::uint64_t purge_position) {
    const std::uint64_t inline_size = pieces.count == 0 ? response.content_size() : 0;
    constexpr std::size_t other_fields = 256;
    Writer out(Kind::response, pieces.generation, pieces.count,
               other_fields + response.key().size() + response.head().size() + inline_size);
    out.integer(index_generation);
    out.integer(static_cast<std::uint16_t>(response.status()));
    out.time(response.arrival().request_time);
    out.time(response.arrival().response_time);
    out.time(response.arrival().date);
    out.duration(response.arrival().age);
    write_freshness(out, response.freshness());
    out.integer(purge_position);
    out.integer(static_cast<std::int64_t>(response.fetch_time().count()));
    out.string(response.key());
    out.string(response.head());
    out.string(response.selecting_fields());
    write_surrogate_keys(out, response.surrogate_keys());
    write_partial(out, response.partial());
    out.integer(response.content_size());
    out.content(response, 0, inline_size);
    if (pieces.count > 0) out.integer(pieces.digest);
    return std::move(out).finish();
}

std::string encode_index(std::string_view primary_key, const IndexRecord& index) {
    Writer out(Kind::index, index.generation, static_cast<std::uint32_t>(index.vary.sets.size()), 256);
    out.string(primary_key);
    for (const std::string& set : index.vary.sets) out.string(set);
    return std::move(out).finish();
}

std::string encode_piece(const StoredResponse& response, std::uint64_t offset, std::uint64_t length,
                         std::uint64_t generation, std::uint32_t number) {
    Writer out(Kind::piece, generation, number, sizeof(std::uint32_t) + length);
    out.integer(static_cast<std::uint32_t>(length));
    out.content(response, offset, length);
    return std::move(out).finish();
}

Result<Record> decode_record(std::string_view bytes, std::string_view expected_key) {
    const std::optional<std::string_view> covered = checked(bytes);
    if (!covered) return Errc::bad_wire_format;
    Reader in(*covered);
    const std::optional<Prefix> prefix = read_prefix(in);
    if (!prefix) return Errc::bad_wire_format;
    switch (prefix->kind) {
        case Kind::response: return read_response(in, *prefix, expected_key);
        case Kind::index: return read_index(in, *prefix, expected_key);
        case Kind::piece: break;
    }
    return Errc::bad_wire_format;
}

Result<std::string_view> decode_piece(std::string_view bytes, std::uint64_t generation, std::uint32_t number) {
    const std::optional<std::string_view> covered = checked(bytes);
    if (!covered) return Errc::bad_wire_format;
    Reader in(*covered);
    const std::optional<Prefix> prefix = read_prefix(in);
    if (!prefix || prefix->kind != Kind::piece) return Errc::bad_wire_format;
    if (prefix->generation != generation || prefix->number != number) return Errc::bad_wire_format;
    const std::string_view content = in.string();
    if (!in.complete()) return Errc::bad_wire_format;
    return content;
}

Pieces peek_pieces(std::string_view prefix) noexcept {
    Reader in(prefix);
    const std::optional<Prefix> read = read_prefix(in);
    if (!read || read->kind != Kind::response) return {};
    return {.generation = read->generation, .count = read->number};
}

}  // namespace proxy::store
