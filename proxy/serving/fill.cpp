#include "proxy/serving/fill.hpp"

#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::serving {
namespace {

// A share of the bytes that all transfers together may hold.
class Reservation {
 public:
    explicit Reservation(Transfers& table) : table_(table) {}
    ~Reservation() { table_.give_back(bytes_); }
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;

    bool grow(std::uint64_t bytes) noexcept {
        if (!table_.reserve(bytes)) return false;
        bytes_ += bytes;
        return true;
    }

 private:
    Transfers& table_;
    std::uint64_t bytes_ = 0;
};

std::string trailers_for_clients(const upstream::Exchange& origin, const Incoming& incoming) {
    return rules::without_surrogate_keys(origin.trailers(), incoming.policy);
}

// Why not, where it was not.
std::optional<rules::Uncacheable> publish_in_memory(Worker& worker, const Incoming& incoming,
                                                    const StoredPtr& response) {
    const seconds keep = response->useful_for(worker.now(), incoming.policy.keep_for_validation);
    if (keep <= seconds(0)) return rules::Uncacheable::no_freshness;
    if (!worker.remember(incoming.primary_key, response, keep, incoming.mark)) return rules::Uncacheable::invalidated;
    return std::nullopt;
}

Awaitable<void> put_in_redis(Worker& worker, const Incoming& incoming, StoredPtr response) {
    if (!worker.redis()) co_return;
    const seconds keep = response->useful_for(worker.now(), incoming.policy.keep_for_validation);
    co_await worker.put_in_redis(incoming.primary_key, std::move(response), keep, incoming.mark);
}

// With the lead, which leaves the table when it is stored: so that nobody finds neither.
Awaitable<void> put_and_leave(Worker& worker, Lead lead, Incoming incoming, StoredPtr response) {
    co_await put_in_redis(worker, incoming, std::move(response));
    lead.lease.release(store::LeaseOutcome::stored);
}

}  // namespace

std::optional<rules::Uncacheable> finish(Worker& worker, Lead lead, Incoming incoming, const StoredPtr& response,
                                         Transfer::Source source, std::string trailers) {
    const std::optional<rules::Uncacheable> refused = publish_in_memory(worker, incoming, response);
    lead.transfer().finish(response, source, refused, std::move(trailers));
    if (!refused && worker.redis()) worker.spawn(put_and_leave(worker, std::move(lead), std::move(incoming), response));
    return refused;
}

Awaitable<void> fill_from_origin(Worker& worker, std::unique_ptr<upstream::Exchange> origin, Lead lead,
                                 StoredPtr outline, Incoming incoming) {
    Transfer& transfer = lead.transfer();
    Reservation reservation(worker.node().transfers);
    Wakeup room(worker.executor(), worker.deadlines());
    const milliseconds patience = worker.config().collapse.slow_reader_deadline;
    for (bool storable = true;;) {
        const Result<upstream::Buffers> pieces = co_await origin->read_content();
        if (pieces.has_error()) {
            transfer.fail(pieces.error());
            co_return;
        }
        const std::size_t arrived = asio::buffer_size(*pieces);
        const bool fits = transfer.size() + arrived <= worker.max_object_size();
        if (storable && !(fits && reservation.grow(arrived))) {
            storable = false;
            lead.leave_table();
            worker.node().transfers.mark(lead.name());
            transfer.hold_only_window();
            if (incoming.replaces) {
                std::vector<std::string> keys{incoming.primary_key};
                co_await worker.invalidate(std::move(keys));
            }
        }
        if (storable && origin->is_complete()) {  // published before the readers have the last of it
            const auto fetch_time = std::chrono::floor<milliseconds>(Clock::now() - incoming.asked);
            const StoredPtr whole = rules::completed(*outline, transfer.complete(*pieces), fetch_time);
            const std::optional<rules::Uncacheable> refused = publish_in_memory(worker, incoming, whole);
            transfer.finish(whole, Transfer::Source::origin, refused, trailers_for_clients(*origin, incoming));
            origin.reset();
            if (refused) co_return;
            co_await put_in_redis(worker, incoming, whole);
            lead.lease.release(store::LeaseOutcome::stored);
            co_return;
        }
        transfer.append(*pieces);
        if (pieces->empty()) {
            transfer.finish(nullptr, Transfer::Source::origin, rules::Uncacheable::too_large,
                            trailers_for_clients(*origin, incoming));
            co_return;
        }
        if (storable) continue;
        const bool wanted = co_await transfer.await_room(room, patience);
        if (!wanted) co_return;  // the origin's connection is closed with it
    }
}

Awaitable<void> fill_from_redis(Worker& worker, std::shared_ptr<Transfer> transfer, std::optional<Lead> /*lead*/,
                                std::unique_ptr<store::ContentSource> content, StoredPtr outline, Incoming incoming) {
    for (;;) {
        const Result<std::vector<rules::Chunk>> chunks = co_await content->next();
        if (chunks.has_error()) {
            transfer->fail(chunks.error());
            co_return;
        }
        if (chunks->empty()) break;
        transfer->append(*chunks);
    }
    const StoredPtr whole = rules::completed(*outline, transfer->complete({}), outline->fetch_time);
    publish_in_memory(worker, incoming, whole);
    transfer->finish(whole, Transfer::Source::redis);
}

}  // namespace proxy::serving
