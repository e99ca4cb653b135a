#include "proxy/rules/body.hpp"

#include <algorithm>
#include <cstring>

namespace proxy::rules {

Chunk::Chunk(std::string_view content) : size(content.size()) {
    const auto copy = std::make_shared_for_overwrite<char[]>(content.size());
    std::copy(content.begin(), content.end(), copy.get());
    bytes = copy;
}

std::size_t GrowingBody::next_capacity(std::size_t wanted) const noexcept {
    if (expected_ && *expected_ > size_)
        return static_cast<std::size_t>(std::min<std::uint64_t>(*expected_ - size_, max_chunk));
    const bool maybe_all = size_ == 0 && wanted <= max_chunk / 4;  // of unknown length: it may come in one piece
    return maybe_all ? wanted : max_chunk;
}

void GrowingBody::append(std::string_view content) {
    while (!content.empty()) {
        if (chunks_.empty() || chunks_.back().size == chunks_.back().capacity) {
            const std::size_t capacity = next_capacity(content.size());
            chunks_.push_back({std::make_shared_for_overwrite<char[]>(capacity), 0, capacity});
        }
        Growing& last = chunks_.back();
        const std::size_t n = std::min(content.size(), last.capacity - last.size);
        std::memcpy(last.bytes.get() + last.size, content.data(), n);
        last.size += n;
        size_ += n;
        content.remove_prefix(n);
    }
}

Chunk GrowingBody::from(std::uint64_t offset) const {
    if (offset < dropped_) return {};
    offset -= dropped_;
    for (const Growing& chunk : chunks_) {
        if (offset < chunk.size)
            return {std::shared_ptr<const char[]>(chunk.bytes, chunk.bytes.get() + offset),
                    static_cast<std::size_t>(chunk.size - offset)};
        offset -= chunk.size;
    }
    return {};
}

void GrowingBody::drop_before(std::uint64_t offset) {
    while (!chunks_.empty() && dropped_ + chunks_.front().size <= offset) {
        dropped_ += chunks_.front().size;
        chunks_.pop_front();
    }
}

BodyPtr GrowingBody::finish() && {
    auto body = std::make_shared<Body>();
    body->size = size_;
    body->chunks.reserve(chunks_.size());
    for (Growing& chunk : chunks_) {
        const bool wasteful = chunk.capacity - chunk.size > chunk.size / 8;
        if (wasteful)
            body->chunks.emplace_back(std::string_view(chunk.bytes.get(), chunk.size));
        else
            body->chunks.emplace_back(std::move(chunk.bytes), chunk.size);
    }
    chunks_.clear();
    return body;
}

}  // namespace proxy::rules
