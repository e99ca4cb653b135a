#define XXH_INLINE_ALL
#include "proxy/store/content_digest.hpp"

#include <xxhash.h>

namespace proxy::store {

struct ContentDigest::State {
    XXH3_state_t xxh;
};

ContentDigest::ContentDigest() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }

ContentDigest::~ContentDigest() = default;

void ContentDigest::add(std::string_view content) { XXH3_64bits_update(&state_->xxh, content.data(), content.size()); }

std::uint64_t ContentDigest::value() const { return XXH3_64bits_digest(&state_->xxh); }

std::uint64_t digest_of(const rules::StoredResponse& response) {
    ContentDigest digest;
    rules::for_each_piece(response, 0, response.content_size(), [&](std::string_view piece) { digest.add(piece); });
    return digest.value();
}

}  // namespace proxy::store
