#pragma once
// What the cache keeps of a response. Never changes once made: freshening makes another, sharing large content.

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/rules/body.hpp"
#include "proxy/rules/freshness.hpp"

namespace proxy::rules {

class StoredResponse;

// Shared by both tiers and by every answer in flight.
using StoredPtr = boost::intrusive_ptr<const StoredResponse>;

// Offsets into a representation, both inclusive; first <= last.
struct ByteRange {
    std::uint64_t first;
    std::uint64_t last;

    [[nodiscard]] std::uint64_t size() const noexcept { return last - first + 1; }
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// What is had of a representation, where that is not all. RFC 9111 §3.3
struct Partial {
    std::uint64_t complete_length = 0;
    std::vector<ByteRange> parts;  // never empty; ascending, with a gap between any two; some byte is missing
    friend bool operator==(const Partial&, const Partial&) = default;
};

// What a stored response is made from. The texts belong to someone else, who keeps them until it is made.
struct StoredDraft {
    std::string_view key{};  // the whole key it is stored under, variant included: checked at every look-up
    unsigned status = 0;

    // Status line and field lines, each ended by CRLF, without the final empty line: ready to send. Hop-by-hop fields
    // and those made anew for each answer (Age, Cache-Status of ours, Connection) are not in it; Date always is, and
    // Content-Length where the status allows content.
    std::string_view head{};

    Arrival arrival{};
    Freshness freshness{};

    // From the forwarded request sent to the response complete. Freshening keeps it: a response that has changed takes
    // a fetch again, whatever its validation took.
    std::chrono::milliseconds fetch_time{0};

    // The request header fields that selected it, as Vary names them: lower case, sorted, separated by commas; empty
    // without Vary. RFC 9111 §4.1
    std::string_view selecting_fields{};

    std::string_view surrogate_keys{};  // by which it may be purged, separated by spaces

    // The content is in `body`, or in `content` where that is null; of a partial response the bytes of all parts, in
    // their order. An outline is a response whose content is still to come: its body has the size (0: not known) and no
    // chunks.
    std::string_view content{};
    BodyPtr body{};
    std::shared_ptr<const Partial> partial{};  // null: the content is complete
};

// One block of memory with all texts, and the content where that is small. Times are brought within those that are
// kept.
class StoredResponse : public boost::intrusive_ref_counter<StoredResponse> {
 public:
    // What does not lie in the block.
    struct Rest {
        BodyPtr body;
        std::shared_ptr<const Partial> partial;
    };

    // Content up to this lies in the block and is copied with it.
    static constexpr std::size_t max_inline_content = 4u << 10;

    [[nodiscard]] static StoredPtr make(const StoredDraft& draft);

    // To make another of it. Refers to this one.
    [[nodiscard]] StoredDraft draft() const;

    // Each as in StoredDraft.
    [[nodiscard]] std::string_view key() const noexcept { return {texts(), key_size_}; }
    [[nodiscard]] std::string_view head() const noexcept { return {texts() + key_size_, head_size_}; }
    [[nodiscard]] std::string_view selecting_fields() const noexcept {
        return {head().data() + head_size_, selecting_size_};
    }
    [[nodiscard]] std::string_view surrogate_keys() const noexcept {
        return {selecting_fields().data() + selecting_size_, surrogate_size_};
    }
    [[nodiscard]] unsigned status() const noexcept { return status_; }
    [[nodiscard]] Arrival arrival() const noexcept;
    [[nodiscard]] Freshness freshness() const noexcept;
    [[nodiscard]] std::chrono::milliseconds fetch_time() const noexcept {
        return std::chrono::milliseconds{fetch_milliseconds_};
    }
    [[nodiscard]] const Partial* partial() const noexcept { return rest_ ? rest_->partial.get() : nullptr; }

    [[nodiscard]] const Rest* rest() const noexcept { return rest_.get(); }  // null where all lies in the block

    // The content in a body of its own; null where it lies in the block.
    [[nodiscard]] const Body* body() const noexcept { return rest_ ? rest_->body.get() : nullptr; }
    [[nodiscard]] std::string_view inline_content() const noexcept {
        return {surrogate_keys().data() + surrogate_size_, inline_size_};
    }
    [[nodiscard]] std::uint64_t content_size() const noexcept { return body() ? body()->size : inline_size_; }

    // Of the complete content, whether it is had or not.
    [[nodiscard]] std::uint64_t complete_length() const noexcept {
        return partial() ? partial()->complete_length : content_size();
    }

    // Of the block, in bytes; the body and the parts lie elsewhere.
    [[nodiscard]] std::size_t block_size() const noexcept;

    [[nodiscard]] Time fresh_until() const noexcept;  // by the clock of this node, for housekeeping only

    // How long it is of any use from `now` on: freshness, the longest stale window, and then, with a validator, the
    // time it is kept for validation. Never negative.
    [[nodiscard]] seconds useful_for(Time now, seconds keep_for_validation) const noexcept;

    static void operator delete(void* block) noexcept { ::operator delete(block); }

 private:
    struct Behind {
        std::size_t bytes;  // in the same block, behind the object
    };

    StoredResponse(const StoredDraft& draft, bool has_inline_content);
    static void* operator new(std::size_t size, Behind behind) { return ::operator new(size + behind.bytes); }
    static void operator delete(void* block, Behind) noexcept { ::operator delete(block); }

    [[nodiscard]] const char* texts() const noexcept { return reinterpret_cast<const char*>(this + 1); }

    std::uint16_t status_;
    LifetimeSource source_;
    bool no_cache_ : 1;
    bool must_revalidate_ : 1;
    std::uint32_t request_time_, response_time_, date_, age_;
    std::uint32_t lifetime_, stale_while_revalidate_, stale_if_error_, stale_when_disconnected_;
    std::uint32_t fetch_milliseconds_;
    std::uint32_t key_size_, head_size_, selecting_size_, surrogate_size_, inline_size_;
    std::unique_ptr<const Rest> rest_;
    // Behind it: key, head, selecting fields, surrogate keys, inline content.
};

// Calls take(std::string_view) with `size` bytes of the content from `offset` on, piece by piece.
template <class Take>
void for_each_piece(const StoredResponse& stored, std::uint64_t offset, std::uint64_t size, Take take) {
    if (const Body* body = stored.body()) return for_each_piece(*body, offset, size, take);
    const std::string_view content = stored.inline_content();
    if (offset < content.size() && size > 0) take(content.substr(offset, size));
}

// The same, with its freshness ended at `since`; itself where that was over already.
[[nodiscard]] StoredPtr stale_since(StoredPtr stored, Time since);

// `outline`, whose content was still to come, with its content.
[[nodiscard]] StoredPtr completed(const StoredResponse& outline, BodyPtr body, std::chrono::milliseconds fetch_time);

}  // namespace proxy::rules
