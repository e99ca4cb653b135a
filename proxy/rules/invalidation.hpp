#pragma once
// What a non-error answer to an unsafe request makes invalid. RFC 9111 §4.4.

#include <string>
#include <vector>

#include "proxy/rules/message.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

// Primary keys: the target's, and those of Location and Content-Location where their origin is the same, or is
// KeyPolicy::host. Empty where the method is safe or the response an error. Of the request fields and cookies that the
// policy adds to keys, only this request's values: what others selected by theirs stays.
[[nodiscard]] std::vector<std::string> invalidated_keys(const RequestHeader& request, const ResponseHeader& response,
                                                        const KeyPolicy& policy);

}  // namespace proxy::rules
