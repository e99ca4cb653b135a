#pragma once
// Gathers a response while it streams by, and makes the stored response of it where nothing forbids that.

#include <optional>

#include "proxy/async/buffer_budget.hpp"
#include "proxy/rules/storable.hpp"
#include "proxy/rules/stored_response.hpp"
#include "proxy/upstream/content_reader.hpp"

namespace proxy::serving {

class Collector {
 public:
    // Nothing is gathered beyond `limit` bytes of content, or where `buffers`, which outlive it, have no room.
    Collector(rules::Storing storing, std::uint64_t limit, std::optional<std::uint64_t> content_length,
              BufferBudget& buffers);

    [[nodiscard]] bool storable() const noexcept { return std::holds_alternative<rules::Freshness>(storing_); }
    [[nodiscard]] std::optional<rules::Uncacheable> uncacheable() const noexcept;

    void add(upstream::Buffers pieces);  // no-op where not storable
    void give_up(rules::Uncacheable why);

    // storable() is true.
    [[nodiscard]] const rules::Freshness& freshness() const { return std::get<rules::Freshness>(storing_); }
    [[nodiscard]] rules::BodyPtr finish();  // the content, which is complete
    [[nodiscard]] std::uint64_t size() const noexcept { return body_ ? body_->size() : 0; }

 private:
    rules::Storing storing_;
    const std::uint64_t limit_;
    BufferShare share_;
    std::optional<rules::GrowingBody> body_;
};

}  // namespace proxy::serving
