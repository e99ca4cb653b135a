#pragma once
// One look-up in Redis and one request to the origin for all who ask this node for the same at the same time.

#include "proxy/serving/exchange.hpp"
#include "proxy/serving/transfers.hpp"

namespace proxy::serving {

// Answers a request that memory cannot answer: `found` is what memory has, `reuse` why it does not do.
Awaitable<void> answer_collapsed(ClientExchange& exchange, rules::Reuse reuse, store::Found found);

// The name under which others ask for the same: the key of the stored response that is wanted, as far as it is known.
[[nodiscard]] std::string transfer_name(const ClientExchange& exchange, const store::StoredPtr& stored,
                                        const std::string& variant);

// Answers with a stored response where that may be, and says whether it has; otherwise `reuse` says why not.
Awaitable<bool> answer_reusing(ClientExchange& exchange, const store::StoredPtr& stored, const rules::Reuse& reuse);

}  // namespace proxy::serving
