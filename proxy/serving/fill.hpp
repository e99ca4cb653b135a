#pragma once
// What fills a transfer once its header section is known, and what follows when it is complete. Runs on the worker that
// asked, whoever of the clients stays.

#include "proxy/serving/request_copy.hpp"
#include "proxy/serving/transfers.hpp"
#include "proxy/serving/worker.hpp"
#include "proxy/upstream/fetch.hpp"

namespace proxy::serving {

// How a response is stored that is on its way.
struct Incoming {
    std::string primary_key;
    SnapshotPtr snapshot;  // whose policy it is
    const rules::Policy& policy;
    store::Mark mark;         // taken before the origin was asked
    Clock::time_point asked;  // when that was
    bool replaces = false;    // what is stored already, which is over where this may not be stored
};

// From the origin: the transfer has begun with `outline`. Publishes what arrives whole and may be stored.
Awaitable<void> fill_from_origin(Worker& worker, std::unique_ptr<upstream::Exchange> origin, Lead lead,
                                 StoredPtr outline, Incoming incoming);

// With a response that is there already. Publishes it to memory, and to Redis behind everybody's back; the transfer
// stays in the table until it is there. Says why it was not stored, where it was not.
std::optional<rules::Uncacheable> finish(Worker& worker, Lead lead, Incoming incoming, const StoredPtr& response,
                                         Transfer::Source source, std::string trailers = {});

// What large content in Redis is read with. Not to be moved. Its route is of the snapshot that the Incoming beside it
// holds.
struct FromRedis {
    std::unique_ptr<store::ContentSource> content;
    bool is_stale;       // and may be used while it is validated: what is to be done when it has been read
    const Route& route;  // of the request that found it: both to ask the origin, should Redis lose some of it
    RequestCopy request;
};

// From Redis: the transfer has begun with `outline`, which was found there. The whole goes into memory. `lead`: of
// those who wait for it, if any may.
Awaitable<void> fill_from_redis(Worker& worker, std::shared_ptr<Transfer> transfer, std::optional<Lead> lead,
                                std::unique_ptr<FromRedis> from, StoredPtr outline, Incoming incoming);

}  // namespace proxy::serving
