#pragma once
// What of a client's conditions and Range goes to the origin, and what of ours. RFC 9110 §13, §14, RFC 9111 §4.3.1

#include <optional>

#include "proxy/rules/reuse.hpp"

namespace proxy::rules {

struct ForwardPlan {
    bool whole = false;        // the client's conditions and Range stay here: the answer is wanted for others, too
    bool keeps_range = false;  // but for its Range and If-Range
    bool validates = false;    // the stored validators go along: a 304 freshens what is stored
    std::optional<ByteRange> missing{};  // only this goes along, to complete what is stored
    // Something of this client goes along that may decide the answer: only a 200 or a 206 is stored.
    bool selective = false;
};

// The origin's to judge: they say on which state the client wants to act. RFC 9110 §13.1.1, §13.1.4
[[nodiscard]] bool has_precondition(Fields fields) noexcept;

// To complete a response, no more than this is asked for: the client waits for all of it.
inline constexpr std::uint64_t max_completion = 1u << 20;

// `stored` (may be null): what the cache has and could not use. Nothing larger than `max_object_size` is completed.
[[nodiscard]] ForwardPlan plan_for(const RequestHeader& request, const Forward& decision, const StoredResponse* stored,
                                   std::uint64_t max_object_size);

// The field lines of ours that the plan sends along.
void append_planned_fields(std::string& out, const ForwardPlan& plan, const RequestHeader& request,
                           const StoredResponse* stored);

// Whether a 304 can be an answer to a request that was forwarded so; it is malformed otherwise. RFC 9110 §15.4.5
[[nodiscard]] bool may_be_not_modified(const ForwardPlan& plan, const RequestHeader& request) noexcept;

}  // namespace proxy::rules
