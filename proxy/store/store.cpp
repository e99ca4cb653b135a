#include "proxy/store/store.hpp"

#include <iterator>

namespace proxy::store {

Awaitable<Result<StoredPtr>> read_all(ContentSource& content, StoredPtr outline, BufferShare& share) {
    if (!share.try_hold(outline->content_size())) co_return Errc::no_buffers;
    auto body = std::make_shared<rules::Body>();
    body->size = outline->content_size();
    for (;;) {
        Result<Chunks> chunks = co_await content.next();
        if (!chunks) co_return chunks.error();
        if (chunks->empty()) break;
        std::ranges::move(*chunks, std::back_inserter(body->chunks));
    }
    rules::StoredDraft draft = outline->draft();
    draft.body = std::move(body);
    co_return rules::StoredResponse::make(draft);
}

}  // namespace proxy::store
