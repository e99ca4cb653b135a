#pragma once
// Tells whether content is the same that was stored, though it comes in other pieces.

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/rules/stored_response.hpp"

namespace proxy::store {

// XXH3-64 of content as it comes.
class ContentDigest {
 public:
    ContentDigest();
    ~ContentDigest();

    void add(std::string_view content);
    [[nodiscard]] std::uint64_t value() const;  // of all so far

 private:
    struct State;
    std::unique_ptr<State> state_;
};

[[nodiscard]] std::uint64_t digest_of(const rules::StoredResponse& response);

}  // namespace proxy::store
