// Order makes it safe: pieces of content are written before the record that names them, and a variant together with the
// index that lists it. Whoever is interrupted leaves only keys that nobody names, until their TTL ends.
#include "proxy/store/redis_store.hpp"

#include <algorithm>
#include <charconv>
#include <random>

#include "proxy/store/redis_store_scripts.hpp"

namespace proxy::store {
namespace {

using Command = std::vector<std::string_view>;

constexpr std::size_t batch_size = 1u << 20;  // bytes of content in one pipeline: Redis serves others in between
constexpr int max_attempts = 8;               // to change an index that others change too
constexpr std::uint32_t max_unlinked = 4096;

static_assert(record_prefix_size == 20, "the scripts and last_of_prefix count on it");
constexpr std::string_view last_of_prefix = "19";

// Never 0.
std::uint64_t new_generation() {
    std::random_device random;
    return (std::uint64_t{random()} << 32 | random()) | 1;
}

std::string piece_name(std::string_view name, std::uint64_t generation, std::uint32_t number) {
    char digits[16];
    char* const end = std::to_chars(digits, digits + sizeof digits, generation, 16).ptr;
    return std::string(name) + '#' + std::string(digits, end) + '.' + std::to_string(number);
}

std::string in_milliseconds(seconds duration) { return std::to_string(milliseconds(duration).count()); }

bool is_index(std::string_view record) { return record.substr(0, index_prefix.size()) == index_prefix; }

bool is_error(const Reply& reply) { return reply.type == Reply::Type::error; }

// The index to add to: the one in `bytes`, or a new one.
IndexRecord index_from(std::string_view bytes, std::string_view primary_key) {
    if (Result<Record> record = decode_record(bytes, primary_key)) {
        if (auto* index = std::get_if<IndexRecord>(&*record)) return std::move(*index);
    }
    return {.generation = new_generation(), .vary = {}};
}

}  // namespace

RedisStore::RedisStore(RedisClient& client, const RedisConfig& config, const Purges& purges)
    : client_(client), config_(config), purges_(purges) {}

bool RedisStore::is_purged(ResponseRecord& record) const {
    const Purges::Effect effect = purges_.since_position(record.purge_position, *record.response);
    if (!effect.gone && effect.stale_since) {
        rules::StoredResponse& response = *record.response;
        response.freshness.lifetime =
            std::min(response.freshness.lifetime, rules::current_age(response.arrival, *effect.stale_since));
    }
    return effect.gone;
}

Awaitable<Result<Found>> RedisStore::lookup(std::string_view primary_key, const rules::RequestHeader& request) {
    if (!purges_.is_current()) co_return Errc::store_unavailable;
    const std::string name = name_of(primary_key, primary_key);
    Command get{"GET", name};
    Result<Reply> reply = co_await client_.command(std::move(get));
    if (!reply) co_return reply.error();
    const Result<std::string> value = value_of(std::move(*reply));
    if (!value) co_return value.error();
    if (value->empty()) co_return Found{};

    Result<Record> record = decode_record(*value, primary_key);
    if (!record) {
        co_await discard(name);
        co_return Found{};
    }
    if (auto* index = std::get_if<IndexRecord>(&*record))
        co_return co_await lookup_variant(primary_key, request, std::move(*index));
    auto& response = std::get<ResponseRecord>(*record);
    if (!response.response->selecting_fields.empty() || is_purged(response)) co_return Found{};
    co_return co_await with_content(std::move(response), name);
}

Awaitable<Result<Found>> RedisStore::lookup_variant(std::string_view primary_key, const rules::RequestHeader& request,
                                                    IndexRecord index) {
    std::vector<std::string> sets;
    std::vector<std::string> keys;
    std::vector<std::string> names;
    for (const std::string& set : index.vary.sets) {
        std::string key = rules::variant_key(primary_key, set, request);
        if (key.empty()) continue;  // selects nothing
        sets.push_back(set);
        names.push_back(name_of(primary_key, key));
        keys.push_back(std::move(key));
    }
    if (names.empty()) co_return Found{.response = nullptr, .vary_miss = true};
    Command get{"MGET"};
    get.insert(get.end(), names.begin(), names.end());
    const Result<Reply> values = co_await client_.command(std::move(get));
    if (!values) co_return values.error();
    if (values->type != Reply::Type::array || values->elements.size() != names.size())
        co_return Errc::store_unavailable;

    ResponseRecord latest;
    std::string_view latest_name;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Reply& value = values->elements[i];
        if (value.type != Reply::Type::string) continue;
        Result<Record> record = decode_record(value.text, keys[i]);
        auto* found = record ? std::get_if<ResponseRecord>(&*record) : nullptr;
        if (found == nullptr) {
            co_await discard(names[i]);
            continue;
        }
        const rules::StoredResponse& response = *found->response;
        if (found->index_generation != index.generation || response.selecting_fields != sets[i]) continue;
        if (is_purged(*found)) continue;
        if (latest.response && response.arrival.date <= latest.response->arrival.date) continue;
        latest = std::move(*found);
        latest_name = names[i];
    }
    if (!latest.response) co_return Found{.response = nullptr, .vary_miss = true};
    co_return co_await with_content(std::move(latest), latest_name);
}

// A miss where a piece is missing or damaged.
Awaitable<Result<Found>> RedisStore::with_content(ResponseRecord record, std::string_view name) {
    const Pieces pieces = record.pieces;
    if (pieces.count == 0) co_return Found{.response = std::move(record.response), .vary_miss = false};
    auto body = std::make_shared<rules::Body>();
    const std::uint64_t size = record.content_size;
    bool damaged = size > config_.max_object_size || pieces.count > size;
    const auto at_once = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(batch_size * std::uint64_t{pieces.count} / std::max<std::uint64_t>(size, 1), 1, 64));

    for (std::uint32_t next = 0; next < pieces.count && !damaged;) {
        const std::uint32_t end = std::min(pieces.count, next + at_once);
        std::vector<std::string> names;
        for (std::uint32_t number = next; number < end; ++number)
            names.push_back(piece_name(name, pieces.generation, number));
        std::vector<Command> commands;
        for (const std::string& piece : names) commands.push_back({"GET", piece});
        Result<std::vector<Reply>> replies = co_await client_.pipeline(std::move(commands));
        if (!replies) co_return replies.error();
        for (const Reply& reply : *replies) {
            if (reply.type == Reply::Type::nil) co_return Found{};
            if (is_error(reply)) co_return Errc::store_unavailable;
            const Result<std::string_view> content = decode_piece(reply.text, pieces.generation, next++);
            damaged = damaged || !content || content->size() > size - body->size;
            if (damaged) break;
            body->size += content->size();
            body->chunks.emplace_back(*content);
        }
    }
    if (damaged || body->size != size) {
        co_await discard(name);
        co_return Found{};
    }
    record.response->body = std::move(body);
    co_return Found{.response = std::move(record.response), .vary_miss = false};
}

Awaitable<Result<void>> RedisStore::put(std::string_view primary_key, StoredPtr response, seconds keep, Mark mark) {
    const std::uint64_t size = response->body->size;
    if (response->key.empty() || size > config_.max_object_size || keep <= seconds{0}) co_return Result<void>();
    if (purges_.since_position(mark.position, *response).gone) co_return Result<void>();  // nobody would find it
    const std::string name = name_of(primary_key, response->key);
    Pieces pieces;
    if (size > config_.chunk_size) {
        pieces.generation = new_generation();
        pieces.count = static_cast<std::uint32_t>((size + config_.chunk_size - 1) / config_.chunk_size);
        const Result<void> written = co_await write_pieces(*response->body, pieces, name, keep);
        if (!written) co_return written.error();
    }
    if (response->key == primary_key) co_return co_await put_plain(name, *response, pieces, keep, mark);
    co_return co_await put_variant(primary_key, name, *response, pieces, keep, mark);
}

Awaitable<Result<void>> RedisStore::write_pieces(const rules::Body& body, Pieces pieces, std::string_view name,
                                                 seconds keep) {
    const std::string ttl = in_milliseconds(keep);
    const auto at_once = static_cast<std::uint32_t>(std::max<std::size_t>(1, batch_size / config_.chunk_size));
    for (std::uint32_t next = 0; next < pieces.count;) {
        const std::uint32_t end = std::min(pieces.count, next + at_once);
        std::vector<std::string> names;
        std::vector<std::string> values;
        for (; next < end; ++next) {
            const std::uint64_t offset = std::uint64_t{next} * config_.chunk_size;
            const std::uint64_t length = std::min<std::uint64_t>(config_.chunk_size, body.size - offset);
            names.push_back(piece_name(name, pieces.generation, next));
            values.push_back(encode_piece(body, offset, length, pieces.generation, next));
        }
        std::vector<Command> commands;
        for (std::size_t i = 0; i < names.size(); ++i) commands.push_back({"SET", names[i], values[i], "PX", ttl});
        const Result<std::vector<Reply>> replies = co_await client_.pipeline(std::move(commands));
        if (!replies) co_return replies.error();
        if (std::any_of(replies->begin(), replies->end(), is_error)) co_return Errc::store_unavailable;
    }
    co_return Result<void>();
}

Awaitable<Result<void>> RedisStore::put_plain(std::string_view name, const rules::StoredResponse& response,
                                              Pieces pieces, seconds keep, Mark mark) {
    const std::string record = encode_response(response, 0, pieces, mark.position);
    const std::string ttl = in_milliseconds(keep);
    std::vector<Command> commands(2);
    commands[0] = {"GETRANGE", name, "0", last_of_prefix};
    commands[1] = {"SET", name, record, "PX", ttl};
    const Result<std::vector<Reply>> replies = co_await client_.pipeline(std::move(commands));
    if (!replies) co_return replies.error();
    if (is_error(replies->back())) co_return Errc::store_unavailable;
    co_await unlink_pieces(name, peek_pieces(replies->front().text));
    co_return Result<void>();
}

Awaitable<Result<void>> RedisStore::put_variant(std::string_view primary_key, std::string_view name,
                                                const rules::StoredResponse& response, Pieces pieces, seconds keep,
                                                Mark mark) {
    const std::string index_name = name_of(primary_key, primary_key);
    const std::string variants = variants_of(primary_key);
    const std::string ttl = in_milliseconds(keep);
    const std::string bound = std::to_string(config_.max_variants);
    Command get{"GET", index_name};
    Result<Reply> reply = co_await client_.command(std::move(get));
    if (!reply) co_return reply.error();
    Result<std::string> current = value_of(std::move(*reply));
    if (!current) co_return current.error();

    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        const std::string expected = is_index(*current) ? *current : std::string();
        IndexRecord index = index_from(expected, primary_key);
        auto& sets = index.vary.sets;  // one that is named already stays in its place: nothing to disagree about
        if (std::find(sets.begin(), sets.end(), response.selecting_fields) == sets.end())
            index.vary.add(response.selecting_fields);
        const std::string changed = encode_index(primary_key, index);
        const std::string record = encode_response(response, index.generation, pieces, mark.position);
        Command put{"EVAL",       put_variant_script, "3",     index_name, name, variants,
                    index_prefix, expected,           changed, record,     ttl,  bound};
        reply = co_await client_.command(std::move(put));
        if (!reply) co_return reply.error();
        const std::vector<Reply>& gone = reply->elements;
        if (reply->type == Reply::Type::array && gone.size() % 2 == 1) {
            stats_.variants_dropped.add(gone.size() / 2);
            co_await unlink_pieces(name, peek_pieces(gone.front().text));
            for (std::size_t i = 1; i < gone.size(); i += 2)
                co_await unlink_pieces(gone[i].text, peek_pieces(gone[i + 1].text));
            co_return Result<void>();
        }
        if (reply->type != Reply::Type::string) co_return Errc::store_unavailable;
        *current = std::move(reply->text);
    }
    co_return Errc::store_overloaded;
}

Awaitable<Result<void>> RedisStore::remove(std::string_view primary_key) {
    const std::string name = name_of(primary_key, primary_key);
    const std::string variants = variants_of(primary_key);
    Command remove{"EVAL", remove_script, "2", name, variants};
    const Result<Reply> reply = co_await client_.command(std::move(remove));
    if (!reply) co_return reply.error();
    if (reply->type != Reply::Type::string) co_return Errc::store_unavailable;
    co_await unlink_pieces(name, peek_pieces(reply->text));
    co_return Result<void>();
}

Awaitable<void> RedisStore::discard(std::string_view name) {
    stats_.bad_records.add();
    Command unlink{"UNLINK", name};
    co_await client_.command(std::move(unlink));
}

Awaitable<void> RedisStore::unlink_pieces(std::string_view name, Pieces pieces) {
    if (pieces.count == 0) co_return;
    std::vector<std::string> names;
    for (std::uint32_t number = 0; number < std::min(pieces.count, max_unlinked); ++number)
        names.push_back(piece_name(name, pieces.generation, number));
    Command unlink{"UNLINK"};
    unlink.insert(unlink.end(), names.begin(), names.end());
    co_await client_.command(std::move(unlink));
}

std::string RedisStore::name_of(std::string_view primary_key, std::string_view key) const {
    std::string name = config_.key_prefix;
    name += ":{";
    name += primary_key;
    name += '}';
    if (key.size() > primary_key.size()) name += key.substr(primary_key.size() + 1);
    return name;
}

std::string RedisStore::variants_of(std::string_view primary_key) const {
    return name_of(primary_key, primary_key) + ":variants";  // no field's name has a colon: never a variant's name
}

Result<std::string> RedisStore::value_of(Reply reply) {
    if (reply.type == Reply::Type::string) return std::move(reply.text);
    if (reply.type == Reply::Type::nil) return std::string();
    if (!is_error(reply) || !reply.text.starts_with("WRONGTYPE")) return Errc::store_unavailable;
    stats_.bad_records.add();
    return std::string();
}

}  // namespace proxy::store
