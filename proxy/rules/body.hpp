#pragma once
// Content on its way, and of stored responses where it is large: bytes that never move or change, shared by all who
// hold them.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace proxy::rules {

struct Chunk {
    std::shared_ptr<const char[]> bytes;
    std::size_t size = 0;

    Chunk() = default;
    Chunk(std::shared_ptr<const char[]> shared, std::size_t length) : bytes(std::move(shared)), size(length) {}
    explicit Chunk(std::string_view content);  // a copy of it, in one allocation

    [[nodiscard]] std::string_view view() const noexcept { return {bytes.get(), size}; }
};

// In the pieces in which it arrived. Immutable once published.
struct Body {
    std::vector<Chunk> chunks;
    std::uint64_t size = 0;  // the sum of their sizes
};

using BodyPtr = std::shared_ptr<const Body>;

// Calls take(std::string_view) with `size` bytes of the content from `offset` on, piece by piece.
template <class Take>
void for_each_piece(const Body& body, std::uint64_t offset, std::uint64_t size, Take take) {
    for (const Chunk& chunk : body.chunks) {
        if (size == 0) return;
        if (offset >= chunk.size) {
            offset -= chunk.size;
            continue;
        }
        const std::string_view piece = chunk.view().substr(offset, size);
        offset = 0;
        size -= piece.size();
        take(piece);
    }
}

// Content that is still growing, in chunks of at most max_chunk bytes. A chunk that was handed out may be read while
// more is appended behind it: what it shows is never written again.
class GrowingBody {
 public:
    static constexpr std::size_t max_chunk = 64u << 10;

    // `expected`: all of it, where that is known.
    explicit GrowingBody(std::optional<std::uint64_t> expected = std::nullopt) : expected_(expected) {}

    void append(std::string_view content);

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    // The chunk with the byte at `offset`, from there on; empty at the end, and where it was dropped.
    [[nodiscard]] Chunk from(std::uint64_t offset) const;

    void drop_before(std::uint64_t offset);                                         // whole chunks only
    [[nodiscard]] std::uint64_t held() const noexcept { return size_ - dropped_; }  // bytes that were not dropped

    // All of it, of which nothing was dropped. Shares the chunks; but the last is copied where much of it is unused.
    [[nodiscard]] BodyPtr finish() &&;

 private:
    struct Growing {
        std::shared_ptr<char[]> bytes;
        std::size_t size = 0;
        std::size_t capacity = 0;
    };

    [[nodiscard]] std::size_t next_capacity(std::size_t wanted) const noexcept;

    const std::optional<std::uint64_t> expected_;
    std::deque<Growing> chunks_;
    std::uint64_t size_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace proxy::rules
