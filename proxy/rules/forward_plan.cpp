#include "proxy/rules/forward_plan.hpp"

#include "proxy/rules/partial.hpp"
#include "proxy/rules/range.hpp"
#include "proxy/rules/validation.hpp"

namespace proxy::rules {

bool has_precondition(Fields fields) noexcept {
    return has(fields, http::field::if_match) || has(fields, http::field::if_unmodified_since);
}

ForwardPlan plan_for(const RequestHeader& request, const Forward& decision, const StoredResponse* stored,
                     std::uint64_t max_object_size) {
    const bool ranged = asks_for_ranges(request);
    const bool lacking = stored && !has_content_for(request, *stored);
    if (!decision.collapsible || has_precondition(request.fields)) return {.selective = true};
    // Of something unknown a part is cheaper than the whole, which may be too large to be stored.
    if (ranged && (!stored || lacking)) return {.selective = true};

    ForwardPlan plan{.whole = true};
    plan.validates = stored && !lacking && has_validator(*stored);
    plan.keeps_range = ranged && stored->partial();
    plan.selective = plan.keeps_range;
    if (lacking && stored->complete_length() <= max_object_size) {
        plan.missing = missing_range(*stored);
        if (plan.missing && plan.missing->size() > max_completion) plan.missing.reset();
    }
    return plan;
}

void append_planned_fields(std::string& out, const ForwardPlan& plan, const RequestHeader& request,
                           const StoredResponse* stored) {
    if (plan.validates) append_conditional_fields(out, *stored);
    if (plan.missing) append_range_fields(out, *stored, *plan.missing);
    if (!plan.keeps_range) return;
    append_field(out, "Range", value_of(request.fields, http::field::range));
    if (const Field* condition = find(request.fields, http::field::if_range))
        append_field(out, "If-Range", condition->value);
}

bool may_be_not_modified(const ForwardPlan& plan, const RequestHeader& request) noexcept {
    return plan.validates || (!plan.whole && (has(request.fields, http::field::if_none_match) ||
                                              has(request.fields, http::field::if_modified_since)));
}

}  // namespace proxy::rules
