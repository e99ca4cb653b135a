#include "proxy/serving/transfers.hpp"

namespace proxy::serving {

Lead::Lead(Transfers& table, std::string name, std::shared_ptr<Transfer> transfer)
    : table_(&table), name_(std::move(name)), transfer_(std::move(transfer)) {}

Lead::~Lead() {
    if (!transfer_) return;
    leave_table();
    transfer_->abandon();
}

void Lead::leave_table() { table_->leave(name_, *transfer_); }

void Lead::fail(boost::system::error_code error) {
    leave_table();  // who comes now may have better luck
    transfer_->fail(error);
}

void Lead::fail_with_status() {
    table_->mark(name_);
    leave_table();
    transfer_->fail_with_status();
}

void Lead::release_lease_and_mark() {
    table_->mark(name_);
    leave_table();
    lease.release(store::LeaseOutcome::not_stored);
}

void Lead::release(bool mark) {
    if (mark) table_->mark(name_);
    leave_table();
    transfer_->release();
    if (mark) lease.release(store::LeaseOutcome::not_stored);
}

Transfers::Place Transfers::enter(std::string_view name) {
    const std::size_t hash = HashOf{}(name);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    if (!shard.marks.empty()) {
        const auto mark = shard.marks.find(hash);
        if (mark != shard.marks.end() && mark->second > Clock::now()) return Marked{};
    }
    const auto at = shard.in_flight.find(name);
    if (at != shard.in_flight.end() && is_for_newcomers(*at->second, name)) return at->second;
    auto transfer = std::make_shared<Transfer>(config_.window, purges_.mark().sequence);
    if (at == shard.in_flight.end())
        shard.in_flight.emplace(name, transfer);
    else
        at->second = transfer;
    return Lead(*this, std::string(name), std::move(transfer));
}

std::shared_ptr<Transfer> Transfers::find(std::string_view name) const {
    const Shard& shard = shard_of(HashOf{}(name));
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.in_flight.find(name);
    return at != shard.in_flight.end() && is_for_newcomers(*at->second, name) ? at->second : nullptr;
}

bool Transfers::is_for_newcomers(const Transfer& transfer, std::string_view name) const {
    return !transfer.is_purged(purges_, name) && !transfer.is_stale();
}

void Transfers::leave(const std::string& name, const Transfer& transfer) {
    Shard& shard = shard_of(HashOf{}(name));
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.in_flight.find(name);
    if (at != shard.in_flight.end() && at->second.get() == &transfer) shard.in_flight.erase(at);
}

void Transfers::mark(std::string_view name) {
    if (config_.hit_for_miss <= milliseconds{0}) return;
    const std::size_t hash = HashOf{}(name);
    Shard& shard = shard_of(hash);
    const auto now = Clock::now();
    const std::lock_guard lock(shard.mutex);
    shard.marks[hash] = now + config_.hit_for_miss;
    shard.marked.push_back({hash, now + config_.hit_for_miss});
    while (!shard.marked.empty() && (shard.marked.front().until <= now ||
                                     shard.marked.size() > std::max<std::size_t>(1, config_.max_marks / shard_count))) {
        const Mark oldest = shard.marked.front();
        shard.marked.pop_front();
        const auto at = shard.marks.find(oldest.hash);
        if (at != shard.marks.end() && at->second <= oldest.until) shard.marks.erase(at);
    }
}

void Transfers::unmark(std::string_view name) {
    const std::size_t hash = HashOf{}(name);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    shard.marks.erase(hash);
}

bool Transfers::reserve(std::uint64_t bytes) noexcept {
    const bool fits = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= config_.max_bytes;
    if (fits && buffers_.try_take(bytes)) return true;
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
}

Transfers::Stats Transfers::stats() const {
    Stats stats{.bytes = bytes_.load(std::memory_order_relaxed)};
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        stats.in_flight += shard.in_flight.size();
        stats.marks += shard.marks.size();
    }
    return stats;
}

}  // namespace proxy::serving
