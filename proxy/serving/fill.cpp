#include "proxy/serving/fill.hpp"

#include "proxy/rules/surrogate_keys.hpp"
#include "proxy/serving/background_fetch.hpp"
#include "proxy/serving/refresh.hpp"
#include "proxy/store/content_digest.hpp"

namespace proxy::serving {
namespace {

// How a transfer is filled: all of it is held as long as it fits, then only a window.
class Filling {
 public:
    Filling(Worker& worker, Transfer& transfer)
        : worker_(worker),
          transfer_(transfer),
          room_(worker.executor(), worker.deadlines()),
          window_(worker.node().buffers) {}
    ~Filling() {
        transfer_.abandon();
        worker_.node().transfers.give_back(reserved_);
    }
    Filling(const Filling&) = delete;
    Filling& operator=(const Filling&) = delete;

    // Whether it can be held whole with so many bytes more. Once it cannot, that is final.
    bool fits(std::size_t more) {
        if (!whole_) return false;
        too_large_ = transfer_.size() + more > worker_.max_object_size();
        whole_ = !too_large_ && worker_.node().transfers.reserve(more);
        if (whole_)
            reserved_ += more;
        else
            transfer_.hold_only_window();
        return whole_;
    }
    [[nodiscard]] bool is_whole() const noexcept { return whole_; }
    [[nodiscard]] bool is_too_large() const noexcept { return too_large_; }  // for every tier, whatever else is held

    // Before more is appended to a window. False: nobody reads any more.
    Awaitable<bool> await_room() {
        if (whole_) co_return true;
        const bool wanted = co_await transfer_.await_room(room_, worker_.config().collapse.slow_reader_deadline);
        worker_.node().transfers.give_back(std::exchange(reserved_, 0));
        window_.hold(transfer_.held());  // no more than that is held by now
        co_return wanted;
    }

 private:
    Worker& worker_;
    Transfer& transfer_;
    Wakeup room_;
    BufferShare window_;
    std::uint64_t reserved_ = 0;  // of what all transfers together may hold
    bool whole_ = true;
    bool too_large_ = false;
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

// And tells the nodes that wait for it.
Awaitable<void> put_in_redis(Worker& worker, Lead& lead, const Incoming& incoming, StoredPtr response) {
    if (!worker.redis()) co_return;
    const seconds keep = response->useful_for(worker.now(), incoming.policy.keep_for_validation);
    const bool there = co_await worker.put_in_redis(incoming.primary_key, std::move(response), keep, incoming.mark);
    store::LeaseOutcome outcome = store::LeaseOutcome::failed;
    if (there) outcome = store::LeaseOutcome::stored;
    lead.lease.release(outcome);
}

// With the lead, which leaves the table when it is stored: so that nobody finds neither.
Awaitable<void> put_and_leave(Worker& worker, Lead lead, Incoming incoming, StoredPtr response) {
    co_await put_in_redis(worker, lead, incoming, std::move(response));
}

// Why other nodes need not wait any longer for what is being fetched: it was purged, or it takes too long.
bool is_waited_for_in_vain(Worker& worker, const Lead& lead, Clock::time_point began) {
    return Clock::now() - began > worker.leases()->duration() ||
           lead.transfer().is_purged(worker.node().purges, lead.name());
}

// All that `first` bytes leave of the pieces.
std::vector<asio::const_buffer> behind(upstream::Buffers pieces, std::uint64_t first) {
    std::vector<asio::const_buffer> rest;
    for (const asio::const_buffer& piece : pieces) {
        const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(first, piece.size()));
        first -= skipped;
        if (skipped < piece.size()) rest.push_back(piece + skipped);
    }
    return rest;
}

// What Redis has lost meanwhile comes from the origin, where that still has the same. The last of it is held back until
// all of it is known to be the same. An error: it is not, or (cancelled) nobody reads any more.
Awaitable<Result<void>> append_the_rest(Worker& worker, Filling& filling, Transfer& transfer, const FromRedis& from,
                                        const rules::StoredResponse& outline) {
    if (outline.partial()) co_return Errc::store_incomplete;
    auto fetched = co_await fetch_in_background(worker, from.route, from.request.header(), {});
    if (fetched.has_error()) co_return fetched.error();
    const std::unique_ptr<upstream::Exchange> origin = std::move(*fetched);
    const std::uint64_t size = outline.content_size();
    if (origin->header().status != outline.status() || origin->content_length().value_or(size) != size)
        co_return Errc::store_incomplete;

    const std::uint64_t sent = transfer.size();
    store::ContentDigest digest;
    for (std::uint64_t received = 0; received < size;) {
        const Result<upstream::Buffers> pieces = co_await origin->read_content();
        if (pieces.has_error()) co_return pieces.error();
        for (const asio::const_buffer& piece : *pieces)
            digest.add({static_cast<const char*>(piece.data()), piece.size()});
        const std::vector<asio::const_buffer> rest = behind(*pieces, sent - std::min(sent, received));
        received += asio::buffer_size(*pieces);
        const bool is_other = received >= size && (received > size || digest.value() != from.content->digest());
        if (pieces->empty() || is_other) co_return Errc::store_incomplete;
        filling.fits(asio::buffer_size(rest));
        transfer.append(rest);
        if (received == size) break;  // whoever has it all may be gone
        const bool wanted = co_await filling.await_room();
        if (!wanted) co_return Errc::cancelled;
    }
    co_return Result<void>();
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
    Filling filling(worker, transfer);
    const auto began = Clock::now();
    for (;;) {
        const Result<upstream::Buffers> pieces = co_await origin->read_content();
        if (pieces.has_error()) {
            lead.fail(pieces.error());
            co_return;
        }
        const bool could_be_stored = filling.is_whole();
        const bool storable = filling.fits(asio::buffer_size(*pieces));
        if (storable && origin->is_complete()) {  // published before it is said to be complete
            const auto fetch_time = std::chrono::floor<milliseconds>(Clock::now() - incoming.asked);
            const StoredPtr whole = rules::completed(*outline, transfer.complete(*pieces), fetch_time);
            const std::optional<rules::Uncacheable> refused = publish_in_memory(worker, incoming, whole);
            transfer.finish(whole, Transfer::Source::origin, refused, trailers_for_clients(*origin, incoming));
            origin.reset();
            if (!refused) co_await put_in_redis(worker, lead, incoming, whole);
            co_return;
        }
        transfer.append(*pieces);
        if (pieces->empty()) {
            const auto why = filling.is_too_large() ? rules::Uncacheable::too_large : rules::Uncacheable::overloaded;
            transfer.finish(nullptr, Transfer::Source::origin, why, trailers_for_clients(*origin, incoming));
            co_return;
        }
        if (could_be_stored && !storable) {
            if (!filling.is_too_large()) {
                lead.leave_table();
                lead.lease.release(store::LeaseOutcome::failed);
            } else {
                lead.release_lease_and_mark();
                std::vector<std::string> keys{incoming.primary_key};
                if (incoming.replaces) co_await worker.invalidate(std::move(keys));
            }
        }
        if (lead.lease && is_waited_for_in_vain(worker, lead, began)) lead.lease.release(store::LeaseOutcome::failed);
        const bool wanted = co_await filling.await_room();
        if (!wanted) co_return;  // the origin's connection is closed with it
    }
}

Awaitable<void> fill_from_redis(Worker& worker, std::shared_ptr<Transfer> transfer, std::optional<Lead> lead,
                                std::unique_ptr<FromRedis> from, StoredPtr outline, Incoming incoming) {
    Filling filling(worker, *transfer);
    for (bool end = false; !end;) {
        const Result<std::vector<rules::Chunk>> chunks = co_await from->content->next();
        if (chunks.has_error()) {
            if (lead) lead->leave_table();  // who comes now gets what is stored anew
            const Result<void> rest = co_await append_the_rest(worker, filling, *transfer, *from, *outline);
            const bool is_wanted = rest || rest.error() != Errc::cancelled;
            if (is_wanted) worker.own_metrics().resumptions[rest ? 0 : 1].add();
            if (!rest) {
                transfer->fail(chunks.error());
                co_return;
            }
            break;
        }
        end = chunks->empty();
        std::size_t size = 0;
        for (const rules::Chunk& chunk : *chunks) size += chunk.size;
        const bool fits = filling.fits(size);
        if (!fits && lead) lead->leave_table();  // who comes now reads it for itself
        transfer->append(*chunks);
        const bool wanted = co_await filling.await_room();
        if (!wanted) co_return;
    }
    if (!filling.is_whole()) {
        transfer->finish(nullptr, Transfer::Source::redis);
        co_return;
    }
    const StoredPtr whole = rules::completed(*outline, transfer->complete({}), outline->fetch_time());
    publish_in_memory(worker, incoming, whole);
    transfer->finish(whole, Transfer::Source::redis);
    lead.reset();
    const rules::RequestHeader& request = from->request.header();
    if (from->is_stale)
        refresh_in_background(worker, from->route, request, incoming.primary_key, whole, incoming.mark);
    else
        maybe_refresh_early(worker, from->route, request, incoming.primary_key, whole, incoming.mark);
}

}  // namespace proxy::serving
