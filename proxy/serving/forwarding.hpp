#pragma once
// One request on its way to the origin, and the answer on its way back. What forward() is made of.

#include <optional>
#include <vector>

#include "proxy/rules/forward_plan.hpp"
#include "proxy/serving/exchange.hpp"
#include "proxy/serving/fill.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/storage.hpp"
#include "proxy/serving/transfers.hpp"

namespace proxy::serving {

using OriginPtr = std::unique_ptr<upstream::Exchange>;

// With a lead, others wait for the answer, too.
class Forwarding {
 public:
    // `mark`: from before it was made sure that `stored` was not purged.
    Forwarding(ClientExchange& exchange, const rules::Forward& decision, const store::StoredPtr& stored,
               store::Mark mark);

    // The origin is asked for the whole, and told nothing of the client's own.
    [[nodiscard]] bool may_be_shared() const noexcept { return plan_.whole && !plan_.selective; }

    Awaitable<void> ask(std::optional<Lead> lead);

 private:
    enum class Next { answered, ask_for_the_whole };

    static bool is_looked_up(rules::ForwardReason reason) noexcept {
        return reason != rules::ForwardReason::bypass && reason != rules::ForwardReason::method;
    }

    // forward.cpp: what the origin is asked, and what its answer is of.
    [[nodiscard]] upstream::OutgoingRequest outgoing() const;
    Awaitable<Next> answer(OriginPtr origin, const rules::Arrival& arrival);
    Awaitable<void> answer_failure(boost::system::error_code ec);
    Awaitable<Next> answer_validated(OriginPtr origin, const rules::Arrival& arrival);
    Awaitable<Next> answer_completed(upstream::Exchange& origin, const rules::Arrival& arrival);
    Awaitable<void> answer_with(OriginPtr origin, const rules::Arrival& arrival);
    Awaitable<store::Mark> invalidate(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                      std::vector<std::string> keys);
    Awaitable<void> learn_from_head(const rules::ResponseHeader& response, const rules::Arrival& arrival);
    [[nodiscard]] bool may_store_answer() const;

    // share.cpp: how it gets to all who wait, and into the store.
    Awaitable<void> share(OriginPtr origin, const rules::Arrival& arrival, const rules::Freshness& freshness);
    Awaitable<void> share_at_once(OriginPtr origin, store::StoredPtr outline, std::string head);
    [[nodiscard]] bool is_for_others(const upstream::Exchange& origin, const rules::Arrival& arrival,
                                     const rules::Storing& storing) const;
    void publish(const store::StoredPtr& response, Transfer::Source source);
    [[nodiscard]] Incoming incoming() const {
        return {.primary_key = exchange_.key,
                .snapshot = exchange_.snapshot,
                .policy = storage_.policy,
                .mark = storage_.mark,
                .asked = storage_.asked,
                .replaces = stored_ != nullptr};
    }

    ClientExchange& exchange_;
    Worker& worker_;
    const rules::RequestHeader& request_;
    observe::ExchangeRecord& record_;
    const store::StoredPtr& stored_;
    const Storage storage_;
    const ForwardedRequest forwarded_;
    rules::ForwardPlan plan_;
    std::optional<Lead> lead_;
};

}  // namespace proxy::serving
