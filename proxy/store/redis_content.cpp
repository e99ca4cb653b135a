// Order makes it safe: pieces are written before the record that names them. Whoever is interrupted leaves only keys
// that nobody names, until their TTL ends. A generation is never used twice, so no reader can mix two contents.
#include "proxy/store/redis_content.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <optional>
#include <random>

#include "proxy/store/redis_store_scripts.hpp"

namespace proxy::store {
namespace {

using Command = std::vector<std::string_view>;
using Names = std::vector<std::string>;

constexpr std::uint32_t most_at_once = 64;  // pieces in one batch

// How many pieces make a batch.
std::uint32_t at_once(std::uint64_t size, std::uint32_t count) {
    const std::uint64_t pieces = std::uint64_t{batch_size} * count / std::max<std::uint64_t>(size, 1);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(pieces, 1, most_at_once));
}

Names names_of(std::string_view record, Pieces pieces, std::uint32_t first, std::uint32_t end) {
    Names names;
    names.reserve(end - first);
    for (std::uint32_t number = first; number < end; ++number)
        names.push_back(piece_name(record, pieces.generation, number));
    return names;
}

// The content of a piece, without copying it.
Result<rules::Chunk> chunk_of(Reply reply, std::uint64_t generation, std::uint32_t number) {
    auto bytes = std::make_shared<const std::string>(std::move(reply.text));
    const Result<std::string_view> content = decode_piece(*bytes, generation, number);
    if (!content) return content.error();
    return rules::Chunk(std::shared_ptr<const char[]>(bytes, content->data()), content->size());
}

}  // namespace

std::uint64_t new_generation() {
    std::random_device random;
    return (std::uint64_t{random()} << 32 | random()) | 1;
}

Pieces pieces_for(std::uint64_t size, std::size_t chunk_size) {
    if (size <= chunk_size) return {};
    const std::uint64_t count = (size + chunk_size - 1) / chunk_size;
    return {.generation = new_generation(),
            .count = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, max_pieces))};
}

std::string piece_name(std::string_view record, std::uint64_t generation, std::uint32_t number) {
    char digits[16];
    char* const end = std::to_chars(digits, digits + sizeof digits, generation, 16).ptr;
    return std::string(record) + '#' + std::string(digits, end) + '.' + std::to_string(number);
}

Awaitable<Result<void>> write_pieces(RedisClient& client, const rules::StoredResponse& response, Pieces pieces,
                                     std::string_view record, seconds keep) {
    if (pieces.count == 0) co_return Result<void>();
    const std::string ttl = std::to_string(milliseconds(keep).count());
    const std::uint64_t size = response.content_size();
    const std::uint64_t piece_size = (size + pieces.count - 1) / pieces.count;
    for (std::uint32_t next = 0; next < pieces.count;) {
        const std::uint32_t end = std::min(pieces.count, next + at_once(size, pieces.count));
        const Names names = names_of(record, pieces, next, end);
        std::vector<std::string> values;
        for (; next < end; ++next) {
            const std::uint64_t offset = std::min(size, next * piece_size);
            const std::uint64_t length = std::min(piece_size, size - offset);
            values.push_back(encode_piece(response, offset, length, pieces.generation, next));
        }
        std::vector<Command> commands;
        for (std::size_t i = 0; i < names.size(); ++i) commands.push_back({"SET", names[i], values[i], "PX", ttl});
        const Result<std::vector<Reply>> replies = co_await client.pipeline(std::move(commands));
        if (!replies) co_return replies.error();
        if (std::ranges::any_of(*replies, is_error)) {  // of memory, most likely: leave it to others
            co_await retire_pieces(client, {.generation = pieces.generation, .count = end}, record, milliseconds{0});
            co_return Errc::store_unavailable;
        }
    }
    co_return Result<void>();
}

Awaitable<void> retire_pieces(RedisClient& client, Pieces pieces, std::string_view record, milliseconds readable) {
    const std::uint32_t count = std::min(pieces.count, max_pieces);
    if (count == 0) co_return;
    const Names names = names_of(record, pieces, 0, count);
    const std::string number = std::to_string(count);
    const std::string ttl = std::to_string(readable.count());
    Command retire{"EVAL", retire_script, number};
    retire.insert(retire.end(), names.begin(), names.end());
    retire.push_back(ttl);
    co_await client.command(std::move(retire));
}

Awaitable<void> unlink_record(RedisClient& client, std::string_view record, std::string_view first_bytes) {
    Command unlink{"EVAL", unlink_record_script, "1", record, first_bytes};
    co_await client.command(std::move(unlink));
}

struct PieceReader::State {
    RedisClient& client;
    RedisStoreStats& stats;
    const std::string record, first_bytes;
    const Pieces pieces;
    const std::uint64_t size;
    std::uint32_t next_piece = 0;
    std::uint64_t received = 0;
    bool reading = false;
    std::optional<Result<Chunks>> batch;  // read, and not yet handed out
    Timer arrived;                        // cancelled when a batch has come
};

PieceReader::PieceReader(RedisClient& client, RedisStoreStats& stats, std::string record, std::string first_bytes,
                         Pieces pieces, std::uint64_t size)
    : state_(std::make_shared<State>(State{.client = client,
                                           .stats = stats,
                                           .record = std::move(record),
                                           .first_bytes = std::move(first_bytes),
                                           .pieces = pieces,
                                           .size = size,
                                           .batch = {},
                                           .arrived = Timer(client.executor())})) {}

PieceReader::~PieceReader() = default;

Awaitable<Result<void>> PieceReader::open() {
    Result<Chunks> first = co_await read_batch(state_);
    if (!first) co_return first.error();
    state_->batch = std::move(first);
    co_return Result<void>();
}

Awaitable<Result<Chunks>> PieceReader::next() {
    const std::shared_ptr<State> state = state_;
    if (!state->batch && !state->reading) co_return Chunks{};
    if (!state->batch) {
        state->arrived.expires_at(Timer::time_point::max());
        co_await state->arrived.async_wait(as_result);
        if (!state->batch) co_return Errc::cancelled;
    }
    if (!*state->batch) co_return state->batch->error();  // for good
    Result<Chunks> batch = std::move(*state->batch);
    state->batch.reset();
    if (state->next_piece < state->pieces.count) read_ahead(state);
    co_return batch;
}

std::uint64_t PieceReader::digest() const { return state_->pieces.digest; }

void PieceReader::read_ahead(const std::shared_ptr<State>& state) {
    state->reading = true;
    asio::co_spawn(state->client.executor(), read_batch(state),
                   [state](const std::exception_ptr& failure, Result<Chunks> chunks) {
                       if (failure) chunks = Errc::store_unavailable;
                       state->reading = false;
                       state->batch = std::move(chunks);
                       state->arrived.cancel();
                   });
}

// Touches all of them with the first ones: that tells whether any is gone, and keeps those to come from being the next
// ones that Redis evicts.
Awaitable<Result<Chunks>> PieceReader::read_batch(std::shared_ptr<State> state) {
    const Pieces pieces = state->pieces;
    std::uint32_t number = state->next_piece;
    const std::uint32_t end = std::min(pieces.count, number + at_once(state->size, pieces.count));
    const bool touches = number == 0 && end < pieces.count;
    const Names names = names_of(state->record, pieces, number, touches ? pieces.count : end);
    std::vector<Command> commands;
    for (std::size_t i = 0; i < end - number; ++i) commands.push_back({"GET", names[i]});
    if (touches) {
        commands.push_back({"TOUCH"});
        commands.back().insert(commands.back().end(), names.begin(), names.end());
    }
    Result<std::vector<Reply>> replies = co_await state->client.pipeline(std::move(commands));
    if (!replies) co_return replies.error();

    if (touches && !is_error(replies->back()) && replies->back().integer != pieces.count)
        co_return co_await give_up(*state, Errc::store_incomplete);
    Chunks chunks;
    for (std::size_t i = 0; number < end; ++i, ++number) {
        Reply& reply = (*replies)[i];
        if (reply.type == Reply::Type::nil) co_return co_await give_up(*state, Errc::store_incomplete);
        const bool other_type = is_error(reply) && reply.text.starts_with("WRONGTYPE");
        if (is_error(reply) && !other_type) co_return Errc::store_unavailable;
        Result<rules::Chunk> chunk = chunk_of(std::move(reply), pieces.generation, number);
        if (!chunk || chunk->size > state->size - state->received)
            co_return co_await give_up(*state, Errc::bad_wire_format);
        state->received += chunk->size;
        chunks.push_back(std::move(*chunk));
    }
    state->next_piece = end;
    if (end == pieces.count && state->received != state->size)
        co_return co_await give_up(*state, Errc::bad_wire_format);
    co_return chunks;
}

Awaitable<Errc> PieceReader::give_up(const State& state, Errc why) {
    (why == Errc::store_incomplete ? state.stats.lost_content : state.stats.bad_records).add();
    co_await unlink_record(state.client, state.record, state.first_bytes);
    co_await retire_pieces(state.client, state.pieces, state.record, milliseconds{0});
    co_return why;
}

}  // namespace proxy::store
