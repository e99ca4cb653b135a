// Invariant: readers_, and what the readers in it have said of their positions, change under the mutex only. A reader
// that is about to wait says so under the mutex, so that no news can slip between its look and its wait.

#include "proxy/serving/transfer.hpp"

#include <algorithm>

namespace proxy::serving {
namespace {

constexpr std::size_t max_taken = 512u << 10;  // bytes handed out at once

}  // namespace

void Transfer::wake_readers() {
    for (Reading& reader : readers_)
        if (std::exchange(reader.waiting, false)) reader.wakeup.wake();
}

void Transfer::add_interim(std::string_view head) {
    const Lock lock(mutex_);
    interims_ += head;
}

void Transfer::begin(StoredPtr outline, std::optional<std::uint64_t> content_length, Source source) {
    const Lock lock(mutex_);
    state_ = State::streaming;
    source_ = source;
    response_ = std::move(outline);
    content_length_ = content_length;
    growing_.emplace(content_length);
    wake_readers();
}

void Transfer::append(upstream::Buffers pieces) {
    const Lock lock(mutex_);
    for (const auto& piece : pieces) growing_->append({static_cast<const char*>(piece.data()), piece.size()});
    wake_readers();
}

void Transfer::append(const std::vector<rules::Chunk>& chunks) {
    const Lock lock(mutex_);
    for (const rules::Chunk& chunk : chunks) growing_->append(chunk.view());
    wake_readers();
}

rules::BodyPtr Transfer::complete(upstream::Buffers last_pieces) {
    const Lock lock(mutex_);
    for (const auto& piece : last_pieces) growing_->append({static_cast<const char*>(piece.data()), piece.size()});
    body_ = std::move(*growing_).finish();
    growing_.reset();
    return body_;
}

void Transfer::finish(StoredPtr whole, Source source, std::optional<rules::Uncacheable> refused, std::string trailers) {
    const Lock lock(mutex_);
    state_ = State::finished;
    refused_ = refused;
    source_ = source;
    trailers_ = std::move(trailers);
    if (whole) {
        whole_ = true;
        response_ = std::move(whole);
        content_length_ = response_->content_size();
        body_.reset();
    }
    wake_readers();
}

void Transfer::release() {
    const Lock lock(mutex_);
    state_ = State::released;
    wake_readers();
}

void Transfer::fail(boost::system::error_code error) {
    const Lock lock(mutex_);
    state_ = State::failed;
    error_ = error;
    wake_readers();
}

void Transfer::abandon() {
    const Lock lock(mutex_);
    if (state_ == State::asking) state_ = State::released;
    if (state_ == State::streaming) {
        state_ = State::failed;
        error_ = Errc::cancelled;
    }
    wake_readers();
}

void Transfer::fail_with_status() {
    const Lock lock(mutex_);
    state_ = State::server_failure;
    wake_readers();
}

std::uint64_t Transfer::size() const {
    const Lock lock(mutex_);
    if (whole_) return response_->content_size();
    return body_ ? body_->size : growing_ ? growing_->size() : 0;
}

std::uint64_t Transfer::held() const {
    const Lock lock(mutex_);
    if (whole_) return response_->content_size();
    return body_ ? body_->size : growing_ ? growing_->held() : 0;
}

bool Transfer::is_decided() const {
    const Lock lock(mutex_);
    return state_ != State::asking;
}

bool Transfer::is_purged(const store::Purges& purges, std::string_view name) const {
    if (purges.mark().sequence == sequence_) return false;
    StoredPtr response;
    {
        const Lock lock(mutex_);
        response = response_;
    }
    if (!response) response = rules::StoredResponse::make({.key = name});
    return purges.since_sequence(sequence_, *response).any();
}

bool Transfer::is_stale() const {
    const Lock lock(mutex_);
    if (!response_) return false;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return rules::current_age(response_->arrival(), now) >= response_->freshness().answers_for();
}

void Transfer::hold_only_window() {
    const Lock lock(mutex_);
    windowed_ = true;
    drop_what_is_read();
}

std::uint64_t Transfer::read_by_all() const {
    std::uint64_t least = growing_->size();
    for (const Reading& reader : readers_)
        if (!reader.cut_off && !reader.late) least = std::min(least, reader.sent);
    return least;
}

void Transfer::drop_what_is_read() {
    if (!windowed_ || !growing_) return;
    growing_->drop_before(read_by_all());
    if (filler_ && growing_->held() <= window_) filler_->wake();
}

void Transfer::cut_off_the_slowest() {
    const Lock lock(mutex_);
    const bool others_wait =
        std::ranges::any_of(readers_, [this](const Reading& reader) { return reader.sent >= growing_->size(); });
    if (!others_wait) return;
    const std::uint64_t least = read_by_all();
    for (Reading& reader : readers_)
        if (reader.sent == least) reader.cut_off = true;
    drop_what_is_read();
}

Awaitable<bool> Transfer::await_room(Wakeup& wakeup, std::chrono::milliseconds patience) {
    for (;;) {
        {
            const Lock lock(mutex_);
            filler_.reset();
            drop_what_is_read();
            const auto gets_nothing = [](const Reading& reader) { return reader.cut_off || reader.late; };
            if (std::ranges::all_of(readers_, gets_nothing)) co_return false;
            if (growing_->held() <= window_) co_return true;
            filler_ = wakeup.handle();
        }
        const bool woken = co_await wakeup.wait(Clock::now() + patience);
        if (wakeup.is_over()) co_return false;
        if (!woken) cut_off_the_slowest();
    }
}

Transfer::Reader::Reader(std::shared_ptr<Transfer> transfer, Executor executor, Deadlines& deadlines)
    : transfer_(std::move(transfer)), wakeup_(executor, deadlines) {
    reading_.wakeup = wakeup_.handle();
    const Lock lock(transfer_->mutex_);
    reading_.late = transfer_->windowed_;
    transfer_->readers_.push_back(reading_);
}

Transfer::Reader::~Reader() {
    const Lock lock(transfer_->mutex_);
    transfer_->readers_.erase(transfer_->readers_.iterator_to(reading_));
    if (transfer_->windowed_ && transfer_->filler_) transfer_->filler_->wake();
}

Transfer::Status Transfer::Reader::status_locked() const {
    const Transfer& it = *transfer_;
    if (reading_.late) {
        Status status;
        status.state = State::released;
        return status;
    }
    return {.state = it.state_,
            .source = it.source_,
            .response = it.response_,
            .whole = it.whole_,
            .content_length = it.content_length_,
            .refused = it.refused_,
            .interims = it.interims_,
            .error = it.error_};
}

Awaitable<Transfer::Status> Transfer::Reader::status(Clock::time_point limit) {
    for (bool waited_enough = false;;) {
        {
            const Lock lock(transfer_->mutex_);
            if (transfer_->state_ != State::asking || waited_enough) co_return status_locked();
            reading_.waiting = true;
        }
        waited_enough = !co_await wakeup_.wait(limit);
    }
}

Awaitable<Transfer::Status> Transfer::Reader::outcome(Clock::time_point limit) {
    for (bool waited_enough = false;;) {
        {
            const Lock lock(transfer_->mutex_);
            const bool going_on = transfer_->state_ == State::asking || transfer_->state_ == State::streaming;
            reading_.sent = reading_.taken =
                transfer_->growing_ ? transfer_->growing_->size() : 0;  // it keeps nothing for itself
            transfer_->drop_what_is_read();
            if (!going_on || waited_enough || transfer_->windowed_) co_return status_locked();
            reading_.waiting = true;
        }
        waited_enough = !co_await wakeup_.wait(limit);
    }
}

void Transfer::Reader::skip_to(std::uint64_t offset) {
    const Lock lock(transfer_->mutex_);
    reading_.sent = reading_.taken = offset;
}

// A growing body shows one chunk at a time, a complete one all that follows.
std::vector<rules::Chunk> Transfer::Reader::take_locked() {
    reading_.sent = reading_.taken;
    std::vector<rules::Chunk> chunks;
    const auto take = [&](rules::Chunk chunk) {
        reading_.taken += chunk.size;
        chunks.push_back(std::move(chunk));
    };
    if (transfer_->growing_) {
        transfer_->drop_what_is_read();
        for (rules::Chunk chunk = transfer_->growing_->from(reading_.taken);
             chunk.size > 0 && reading_.taken - reading_.sent < max_taken;
             chunk = transfer_->growing_->from(reading_.taken))
            take(std::move(chunk));
    } else if (const StoredPtr& it = transfer_->response_; transfer_->whole_ && !it->body()) {
        const std::string_view rest =
            it->inline_content().substr(std::min<std::uint64_t>(reading_.taken, it->content_size()));
        if (!rest.empty()) take({std::shared_ptr<const char[]>(rest.data(), [it](const char*) {}), rest.size()});
    } else if (const rules::Body* body = transfer_->whole_ ? it->body() : transfer_->body_.get()) {
        std::uint64_t begin = 0;
        for (const rules::Chunk& chunk : body->chunks) {
            const std::uint64_t end = begin + chunk.size;
            if (end > reading_.taken && reading_.taken - reading_.sent < max_taken) {
                const std::size_t skipped = reading_.taken - begin;
                take({std::shared_ptr<const char[]>(chunk.bytes, chunk.bytes.get() + skipped), chunk.size - skipped});
            }
            begin = end;
        }
    }
    return chunks;
}

Awaitable<Result<std::vector<rules::Chunk>>> Transfer::Reader::next(Clock::time_point limit) {
    for (bool waited_enough = false;;) {
        {
            const Lock lock(transfer_->mutex_);
            if (reading_.cut_off) co_return Errc::client_too_slow;
            std::vector<rules::Chunk> chunks = take_locked();
            if (!chunks.empty() || transfer_->state_ == State::finished) co_return chunks;
            if (transfer_->state_ == State::failed) co_return transfer_->error_;
            if (transfer_->state_ != State::asking && transfer_->state_ != State::streaming) co_return Errc::cancelled;
            if (waited_enough) co_return Errc::deadline_exceeded;
            reading_.waiting = true;
        }
        waited_enough = !co_await wakeup_.wait(limit);
    }
}

std::string Transfer::Reader::trailers() const {
    const Lock lock(transfer_->mutex_);
    return transfer_->trailers_;
}

}  // namespace proxy::serving
