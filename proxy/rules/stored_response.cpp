#include "proxy/rules/stored_response.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "proxy/rules/stored_head.hpp"
#include "proxy/rules/validation.hpp"

namespace proxy::rules {
namespace {

// Brought within what 32 bits hold.
template <class Rep, class Period>
std::uint32_t narrow(std::chrono::duration<Rep, Period> value) noexcept {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(value.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t narrow(Time time) noexcept { return narrow(time.time_since_epoch()); }

std::uint32_t narrow(std::string_view text) noexcept { return static_cast<std::uint32_t>(text.size()); }

bool may_be_inline(const StoredDraft& draft) noexcept {
    if (!draft.body) return true;
    if (draft.body->size > StoredResponse::max_inline_content) return false;
    std::uint64_t here = 0;
    for (const Chunk& chunk : draft.body->chunks) here += chunk.size;
    return here == draft.body->size;  // no outline
}

std::size_t text_size(const StoredDraft& draft) noexcept {
    return draft.key.size() + draft.head.size() + draft.selecting_fields.size() + draft.surrogate_keys.size();
}

}  // namespace

StoredResponse::StoredResponse(const StoredDraft& draft, bool has_inline_content)
    : status_(static_cast<std::uint16_t>(draft.status)),
      source_(draft.freshness.source),
      no_cache_(draft.freshness.no_cache),
      must_revalidate_(draft.freshness.must_revalidate),
      request_time_(narrow(draft.arrival.request_time)),
      response_time_(narrow(draft.arrival.response_time)),
      date_(narrow(draft.arrival.date)),
      age_(narrow(draft.arrival.age)),
      lifetime_(narrow(draft.freshness.lifetime)),
      stale_while_revalidate_(narrow(draft.freshness.stale_while_revalidate)),
      stale_if_error_(narrow(draft.freshness.stale_if_error)),
      stale_when_disconnected_(narrow(draft.freshness.stale_when_disconnected)),
      fetch_milliseconds_(narrow(draft.fetch_time)),
      key_size_(narrow(draft.key)),
      head_size_(narrow(draft.head)),
      selecting_size_(narrow(draft.selecting_fields)),
      surrogate_size_(narrow(draft.surrogate_keys)),
      inline_size_(0) {
    if (draft.partial || !has_inline_content)
        rest_ = std::make_unique<const Rest>(Rest{has_inline_content ? nullptr : draft.body, draft.partial});
    char* end = reinterpret_cast<char*>(this + 1);
    const auto append = [&end](std::string_view text) { end = std::copy(text.begin(), text.end(), end); };
    append(draft.key);
    append(draft.head);
    append(draft.selecting_fields);
    append(draft.surrogate_keys);
    if (!has_inline_content) return;
    const char* const content = end;
    if (draft.body)
        for_each_piece(*draft.body, 0, draft.body->size, append);
    else
        append(draft.content);
    inline_size_ = static_cast<std::uint32_t>(end - content);
}

StoredPtr StoredResponse::make(const StoredDraft& draft) {
    if (!draft.body && draft.content.size() > max_inline_content) {
        StoredDraft large = draft;
        large.body = std::make_shared<const Body>(Body{.chunks = {Chunk(draft.content)}, .size = draft.content.size()});
        return make(large);
    }
    const bool is_inline = may_be_inline(draft);
    const std::size_t content = draft.body ? draft.body->size : draft.content.size();
    const Behind behind{text_size(draft) + (is_inline ? content : 0)};
    return {new (behind) StoredResponse(draft, is_inline)};
}

StoredDraft StoredResponse::draft() const {
    return {.key = key(),
            .status = status_,
            .head = head(),
            .arrival = arrival(),
            .freshness = freshness(),
            .fetch_time = fetch_time(),
            .selecting_fields = selecting_fields(),
            .surrogate_keys = surrogate_keys(),
            .content = inline_content(),
            .body = rest_ ? rest_->body : nullptr,
            .partial = rest_ ? rest_->partial : nullptr};
}

Arrival StoredResponse::arrival() const noexcept {
    return {.request_time = Time(seconds(request_time_)),
            .response_time = Time(seconds(response_time_)),
            .date = Time(seconds(date_)),
            .age = seconds(age_)};
}

Freshness StoredResponse::freshness() const noexcept {
    return {.lifetime = seconds(lifetime_),
            .source = source_,
            .no_cache = no_cache_,
            .must_revalidate = must_revalidate_,
            .stale_while_revalidate = seconds(stale_while_revalidate_),
            .stale_if_error = seconds(stale_if_error_),
            .stale_when_disconnected = seconds(stale_when_disconnected_)};
}

std::size_t StoredResponse::block_size() const noexcept {
    return sizeof *this + key_size_ + head_size_ + selecting_size_ + surrogate_size_ + inline_size_;
}

Time StoredResponse::fresh_until() const noexcept {
    const Arrival arrived = arrival();
    return arrived.response_time + seconds(lifetime_) - current_age(arrived, arrived.response_time);
}

seconds StoredResponse::useful_for(Time now, seconds keep_for_validation) const noexcept {
    const seconds window(std::max({stale_while_revalidate_, stale_if_error_, stale_when_disconnected_}));
    const Time usable_until = std::max(fresh_until() + window, arrival().response_time);
    const seconds kept = has_validator(*this) ? keep_for_validation : seconds{0};
    return std::max(usable_until + kept - now, seconds{0});
}

StoredPtr stale_since(StoredPtr stored, Time since) {
    StoredDraft draft = stored->draft();
    const seconds age = current_age(draft.arrival, std::max(since, draft.arrival.response_time));
    if (draft.freshness.lifetime <= age) return stored;
    draft.freshness.lifetime = age;
    return StoredResponse::make(draft);
}

StoredPtr completed(const StoredResponse& outline, BodyPtr body, std::chrono::milliseconds fetch_time) {
    StoredDraft draft = outline.draft();
    std::string head;
    const bool length_is_told = !field_in(outline.head(), "Content-Length").empty();
    if (!length_is_told && has_content(http::verb::get, outline.status())) {
        head = outline.head();
        append_field(head, "Content-Length", std::to_string(body->size));
        draft.head = head;
    }
    draft.body = std::move(body);
    draft.fetch_time = fetch_time;
    return StoredResponse::make(draft);
}

}  // namespace proxy::rules
