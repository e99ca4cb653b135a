#pragma once
// Which responses are on their way, so that one request to the origin answers all who ask for the same at that time.

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "proxy/async/buffer_budget.hpp"
#include "proxy/config/config.hpp"
#include "proxy/serving/transfer.hpp"
#include "proxy/store/leases.hpp"

namespace proxy::serving {

class Transfers;

// The right and the duty to fill a transfer. Who drops it before anything is decided releases all who wait; with it the
// transfer leaves the table.
class Lead {
 public:
    Lead(Transfers& table, std::string name, std::shared_ptr<Transfer> transfer);
    Lead(Lead&&) = default;
    Lead& operator=(Lead&&) = delete;
    ~Lead();

    [[nodiscard]] Transfer& transfer() const noexcept { return *transfer_; }
    [[nodiscard]] const std::shared_ptr<Transfer>& shared() const noexcept { return transfer_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    void leave_table();  // nobody new comes; who is there stays

    void fail(boost::system::error_code error);  // no answer came, or it broke off

    // The origin failed: whoever waits answers with what is stale, or asks for itself; the next ones do not wait.
    void fail_with_status();

    // It will not be stored after all: nobody new comes, and nobody on other nodes waits. Who is there stays.
    void release_lease_and_mark();

    // The fleet's: given back when the lead is dropped, or with what became of it.
    store::HeldLease lease;

    // As the transfer's release(): its answer is for the leader alone. `mark`: and so are those of the next requests,
    // most likely.
    void release(bool mark);

 private:
    Transfers* table_;
    std::string name_;
    std::shared_ptr<Transfer> transfer_;  // null: moved from
};

// Any thread.
class Transfers {
 public:
    Transfers(const CollapseConfig& config, const store::Purges& purges, BufferBudget& buffers)
        : config_(config), purges_(purges), buffers_(buffers) {}

    // hit-for-miss: answers to this are not for others, so nobody waits for one.
    struct Marked {};
    using Place = std::variant<Lead, std::shared_ptr<Transfer>, Marked>;

    // `name`: of the stored response that is wanted: its key, as far as it is known. Lead: nobody asks for it yet, or
    // what is in flight was purged since, or has become stale.
    [[nodiscard]] Place enter(std::string_view name);

    // The one in flight; null where enter() would give a lead.
    [[nodiscard]] std::shared_ptr<Transfer> find(std::string_view name) const;

    void mark(std::string_view name);
    void unmark(std::string_view name);

    // Bytes of content that transfers hold, for the limits on all of them and on all buffers. False: no room for
    // `bytes` more.
    [[nodiscard]] bool reserve(std::uint64_t bytes) noexcept;
    void give_back(std::uint64_t bytes) noexcept {
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        buffers_.give_back(bytes);
    }

    struct Stats {
        std::size_t in_flight = 0, marks = 0;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] Stats stats() const;

 private:
    friend class Lead;

    struct HashOf {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>{}(name); }
    };
    struct Mark {
        std::size_t hash;
        Clock::time_point until;
    };
    struct alignas(64) Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::string, std::shared_ptr<Transfer>, HashOf, std::equal_to<>> in_flight;
        std::unordered_map<std::size_t, Clock::time_point> marks;  // by hash: a coincidence only costs collapsing
        std::deque<Mark> marked;                                   // oldest first; as many as marks, or more
    };
    static constexpr std::size_t shard_count = 16;

    [[nodiscard]] Shard& shard_of(std::size_t hash) const noexcept { return shards_[hash % shard_count]; }
    void leave(const std::string& name, const Transfer& transfer);
    [[nodiscard]] bool is_for_newcomers(const Transfer& transfer, std::string_view name) const;

    const CollapseConfig& config_;
    const store::Purges& purges_;
    BufferBudget& buffers_;
    mutable std::array<Shard, shard_count> shards_;
    std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace proxy::serving
