#pragma once
// What Redis itself runs for the store, each as one step. "First bytes" are the first record_prefix_size of a record:
// enough to find its pieces; empty where there is none. Keys not among KEYS are built from them: the same hash tag.

#include <string_view>

namespace proxy::store {

// KEYS: index, variant, the sorted set. ARGV: what every index begins with; the index expected, empty for none; the new
// index; the variant; the time to live in ms; the bound. Stores both, lists the variant as the newest, drops the oldest
// above the bound, and returns an array: the first bytes of the variant's predecessor, then of each that was dropped
// name and first bytes. Or stores nothing and returns the index it found.
//
// A score is one more than the top score: a clock could step back, and the newest would go first. A member is what
// follows the index's name in the variant's, so that whatever the set lists, no key outside the hash tag is touched.
// What is no sorted set of ours is begun anew. A bound that was lowered is reached by ten a put.
inline constexpr std::string_view put_variant_script = R"(
local function first_bytes(key)
  local bytes = redis.pcall('GETRANGE', key, 0, 19)
  return type(bytes) == 'string' and bytes or ''
end
local current = redis.pcall('GET', KEYS[1])
if type(current) ~= 'string' or current:sub(1, #ARGV[1]) ~= ARGV[1] then current = '' end
if current ~= ARGV[2] then return current end
local gone = {first_bytes(KEYS[2])}
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[5]))
redis.call('SET', KEYS[1], ARGV[3], 'PX', ttl)
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])
local top = tonumber(redis.pcall('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2])
if not top or top < 0 or top >= 2^53 then
  redis.call('UNLINK', KEYS[3])
  top = 0
end
redis.call('ZADD', KEYS[3], top + 1, KEYS[2]:sub(#KEYS[1] + 1))
redis.call('PEXPIRE', KEYS[3], ttl)
for _ = 1, math.min(redis.call('ZCARD', KEYS[3]) - ARGV[6], 10) do
  local oldest = KEYS[1] .. redis.call('ZPOPMIN', KEYS[3])[1]
  local bytes = first_bytes(oldest)
  if redis.call('UNLINK', oldest) == 1 then
    gone[#gone + 1] = oldest
    gone[#gone + 1] = bytes
  end
end
return gone
)";

// KEYS: the response or index, the sorted set. Removes the one, and with it up to a hundred variants; returns the first
// bytes of the response. What is left is unreachable but stays listed, so that it counts: it goes as new ones come, or
// with its TTL, as the pieces do. More at once would keep Redis from others for long.
inline constexpr std::string_view remove_script = R"(
local bytes = redis.pcall('GETRANGE', KEYS[1], 0, 19)
local oldest = redis.pcall('ZPOPMIN', KEYS[2], 100)
if oldest.err then redis.call('UNLINK', KEYS[2]) end
for i = 1, #oldest, 2 do redis.call('UNLINK', KEYS[1] .. oldest[i]) end
redis.call('UNLINK', KEYS[1])
return type(bytes) == 'string' and bytes or ''
)";

// KEYS: a record. ARGV: its first bytes. Removes it unless it was replaced meanwhile.
inline constexpr std::string_view unlink_record_script = R"(
if redis.pcall('GETRANGE', KEYS[1], 0, 19) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 0
)";

// KEYS: pieces. ARGV: how long they are kept, in ms.
inline constexpr std::string_view retire_script = R"(
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
return 0
)";

}  // namespace proxy::store
