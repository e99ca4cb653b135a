// Order makes it safe: pieces of content are written before the record that names them, and a variant together with the
// index that lists it. Whoever is interrupted leaves only keys that nobody names, until their TTL ends.
#include "proxy/store/redis_store.hpp"

#include <algorithm>

#include "proxy/store/content_digest.hpp"
#include "proxy/store/redis_names.hpp"
#include "proxy/store/redis_store_scripts.hpp"

namespace proxy::store {
namespace {

using Command = std::vector<std::string_view>;

constexpr int max_attempts = 8;  // to change an index that others change too

static_assert(record_prefix_size == 20, "the scripts and last_of_prefix count on it");
constexpr std::string_view last_of_prefix = "19";

std::string in_milliseconds(seconds duration) { return std::to_string(milliseconds(duration).count()); }

std::string_view first_bytes(std::string_view record) { return record.substr(0, record_prefix_size); }

bool is_index(std::string_view record) { return record.substr(0, index_prefix.size()) == index_prefix; }

// Content that was damaged or lost; anything else is a failure of Redis.
bool is_miss(const boost::system::error_code& why) {
    return why == Errc::store_incomplete || why == Errc::bad_wire_format;
}

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
    if (!effect.gone && effect.stale_since)
        record.response = rules::stale_since(std::move(record.response), *effect.stale_since);
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
        co_await discard(name, *value);
        co_return Found{};
    }
    if (auto* index = std::get_if<IndexRecord>(&*record))
        co_return co_await lookup_variant(primary_key, request, std::move(*index));
    auto& response = std::get<ResponseRecord>(*record);
    if (!response.response->selecting_fields().empty() || is_purged(response)) co_return Found{};
    co_return co_await with_content(std::move(response), name, *value);
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
    std::vector<Command> gets;
    for (const std::string& name : names) gets.push_back({"GET", name});
    Result<std::vector<Reply>> replies = co_await client_.pipeline(std::move(gets));
    if (!replies) co_return replies.error();

    ResponseRecord latest;
    std::size_t latest_at = 0;
    std::vector<std::string> values;
    for (std::size_t i = 0; i < names.size(); ++i) {
        Result<std::string> value = value_of(std::move((*replies)[i]));
        if (!value) co_return value.error();
        values.push_back(std::move(*value));
        if (values[i].empty()) continue;
        Result<Record> record = decode_record(values[i], keys[i]);
        auto* found = record ? std::get_if<ResponseRecord>(&*record) : nullptr;
        if (found == nullptr) {
            co_await discard(names[i], values[i]);
            continue;
        }
        const bool is_listed =
            found->index_generation == index.generation && found->response->selecting_fields() == sets[i];
        if (!is_listed || is_purged(*found)) continue;
        if (latest.response && found->response->arrival().date <= latest.response->arrival().date) continue;
        latest = std::move(*found);
        latest_at = i;
    }
    if (!latest.response) co_return Found{.response = nullptr, .vary_miss = true, .variant = std::move(keys.front())};
    co_return co_await with_content(std::move(latest), names[latest_at], values[latest_at]);
}

// Large content is for the caller to read on.
Awaitable<Result<Found>> RedisStore::with_content(ResponseRecord record, std::string_view name,
                                                  std::string_view bytes) {
    const Pieces pieces = record.pieces;
    const std::uint64_t size = record.content_size;
    if (size > config_.max_object_size) co_return Found{};  // of a node that stores larger ones
    if (pieces.count == 0) co_return Found{.response = std::move(record.response)};
    if (pieces.count > max_pieces || pieces.count > size) {
        co_await discard(name, bytes);
        co_return Found{};
    }
    auto reader = std::make_unique<PieceReader>(client_, stats_, std::string(name), std::string(first_bytes(bytes)),
                                                pieces, size);
    const Result<void> opened = co_await reader->open();
    if (!opened && is_miss(opened.error())) co_return Found{};
    if (!opened) co_return opened.error();
    auto body = std::make_shared<rules::Body>();
    body->size = size;
    Found found;
    if (size > batch_size) {
        found.content = std::move(reader);
    } else {
        Result<Chunks> chunks = co_await reader->next();
        if (!chunks) co_return chunks.error();
        body->chunks = std::move(*chunks);
    }
    rules::StoredDraft draft = record.response->draft();
    draft.body = std::move(body);
    found.response = rules::StoredResponse::make(draft);
    co_return found;
}

Awaitable<Result<void>> RedisStore::put(std::string_view primary_key, StoredPtr response, seconds keep, Mark mark) {
    const std::uint64_t size = response->content_size();
    if (response->key().empty() || size > config_.max_object_size || keep <= seconds{0}) co_return Result<void>();
    if (purges_.since_position(mark.position, *response).any()) co_return Result<void>();  // there may be a newer one
    const std::string name = name_of(primary_key, response->key());
    Pieces pieces = pieces_for(size, config_.chunk_size);
    if (pieces.count > 0) pieces.digest = digest_of(*response);
    const Result<void> written = co_await write_pieces(client_, *response, pieces, name, keep);
    if (!written) co_return written.error();
    Result<void> stored;
    if (response->key() == primary_key)
        stored = co_await put_plain(name, *response, pieces, keep, mark);
    else
        stored = co_await put_variant(primary_key, name, *response, pieces, keep, mark);
    if (!stored) co_await retire_pieces(client_, pieces, name, milliseconds{0});
    co_return stored;
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
    co_await retire(name, replies->front().text);
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
        if (std::find(sets.begin(), sets.end(), response.selecting_fields()) == sets.end())
            index.vary.add(response.selecting_fields());
        const std::string changed = encode_index(primary_key, index);
        const std::string record = encode_response(response, index.generation, pieces, mark.position);
        Command put{"EVAL",       put_variant_script, "3",     index_name, name, variants,
                    index_prefix, expected,           changed, record,     ttl,  bound};
        reply = co_await client_.command(std::move(put));
        if (!reply) co_return reply.error();
        const std::vector<Reply>& gone = reply->elements;
        if (reply->type == Reply::Type::array && gone.size() % 2 == 1) {
            stats_.variants_dropped.add(gone.size() / 2);
            co_await retire(name, gone.front().text);
            for (std::size_t i = 1; i < gone.size(); i += 2) co_await retire(gone[i].text, gone[i + 1].text);
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
    co_await retire(name, reply->text);
    co_return Result<void>();
}

Awaitable<void> RedisStore::discard(std::string_view name, std::string_view bytes) {
    stats_.bad_records.add();
    co_await unlink_record(client_, name, first_bytes(bytes));
}

Awaitable<void> RedisStore::retire(std::string_view name, std::string_view bytes) {
    const Pieces pieces = peek_pieces(first_bytes(bytes));
    co_await retire_pieces(client_, pieces, name, config_.content_grace);
}

std::string RedisStore::name_of(std::string_view primary_key, std::string_view key) const {
    std::string name = redis_name(config_.key_prefix, primary_key);
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
