#include "proxy/store/store.hpp"

#include <iterator>

namespace proxy::store {

Awaitable<Result<StoredPtr>> read_all(ContentSource& content, StoredPtr outline, BufferShare& share) {
    if (!share.try_hold(outline->body->size)) co_return Errc::no_buffers;
    auto body = std::make_shared<rules::Body>();
    body->size = outline->body->size;
    for (;;) {
        Result<Chunks> chunks = co_await content.next();
        if (!chunks) co_return chunks.error();
        if (chunks->empty()) break;
        std::ranges::move(*chunks, std::back_inserter(body->chunks));
    }
    auto response = std::make_shared<rules::StoredResponse>(*outline);
    response->body = std::move(body);
    co_return StoredPtr(std::move(response));
}

}  // namespace proxy::store
