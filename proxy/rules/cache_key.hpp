#pragma once
// What selects a stored response: primary and variant keys. RFC 9111 §2, §4.1.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/rules/message.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

// Query parameters that only tell how a visitor came here, read by scripts in the browser and not by origins. Dropped
// where KeyPolicy::ignore_tracking says so. Written as KeyPolicy::ignored_parameters are.
inline constexpr std::string_view tracking_parameters[] = {
    "_ga",        "_gl",     "_hsenc", "_hsmi",  "_openstat", "dclid",  "epik",      "fbclid", "gad_campaignid",
    "gad_source", "gbraid",  "gclid",  "gclsrc", "igsh",      "igshid", "li_fat_id", "mc_cid", "mc_eid",
    "msclkid",    "srsltid", "ttclid", "twclid", "utm_*",     "wbraid", "yclid",     "ysclid"};

// Writes the primary key into `key` (its capacity is reused: no allocation at a hit): the target URI, e.g.
// "http://example.com/items/foo?a=1". Scheme and authority in lower case, default port dropped; path and query byte for
// byte, but for what the policy says of them: `sort` orders by name and keeps the order of equal ones; a dropped
// parameter never takes along what some origins read as another one behind `;`. Contains neither space nor control
// characters. What the policy adds (request fields, cookies) stands behind a space, encoded without ambiguity.
void primary_key(std::string& key, const RequestHeader& request, const KeyPolicy& policy);

// A request whose primary key is longer is neither looked up nor stored.
inline constexpr std::size_t max_primary_key = 16'384;

// The target and the authority as the key has them. Where the answer may be stored, the origin is told these and not
// the client's: what it could read and the key does not say, it could answer to all who share the key. Requests that
// have the same forwarded target and authority have the same URI in their keys, and only those.
[[nodiscard]] std::string forwarded_target(const RequestHeader& request, const KeyPolicy& policy);
[[nodiscard]] std::string forwarded_authority(const RequestHeader& request, const KeyPolicy& policy);

// The names in all lines of Vary: lower case, sorted, without doubles, separated by commas; "" without Vary, "*" where
// any member is `*`, is no field name, or is a field that this proxy writes anew for each client. RFC 9110 §12.5.5
[[nodiscard]] std::string selecting_fields(const ResponseHeader& response);

// No variant is selected by more than so many bytes of values.
inline constexpr std::size_t max_selecting_values = 2048;

// The key of the variant that `request` selects among those stored with these selecting fields: the primary key and,
// each behind a space, the normalised values (absent is not the same as empty), encoded without ambiguity and readable.
// A hop-by-hop field counts as absent: the origin does not see it. Empty where the values are longer than
// max_selecting_values, and for "*": then nothing is selected and nothing may be stored. RFC 9111 §4.1
//
// Normalised: several lines are one list; white space about its commas goes, except in fields known to be no list.
// In Accept-Encoding and Accept-Language, letter case and white space about `,`
// and `;`; in Accept-Encoding also the order, repetitions and a weight of 1. All else is compared byte for byte.
[[nodiscard]] std::string variant_key(std::string_view primary, std::string_view selecting_fields,
                                      const RequestHeader& request);

// What stands under the primary key of responses that vary: the sets of selecting fields in use, newest first.
// At most max_sets: the oldest goes.
struct VaryIndex {
    static constexpr std::size_t max_sets = 4;
    std::vector<std::string> sets;

    void add(std::string_view selecting_fields);  // to the front
};

}  // namespace proxy::rules
