#include "proxy/store/memory_shard.hpp"

#include <algorithm>

namespace proxy::store {
namespace {

// What malloc takes for `size` bytes: a header of 8, rounded up to 16.
constexpr std::size_t allocated(std::size_t size) noexcept {
    return size == 0 ? 0 : std::max<std::size_t>(32, (size + 8 + 15) / 16 * 16);
}

constexpr std::size_t control_block = 16;  // of make_shared
constexpr std::size_t bucket = 16;         // an entry's share of the map's array

std::size_t heap_of(const std::string& text) noexcept {
    static const std::size_t inline_capacity = std::string().capacity();
    return text.capacity() <= inline_capacity ? 0 : allocated(text.capacity() + 1);
}

std::size_t heap_of(const rules::Body& body) noexcept {
    std::size_t sum =
        allocated(control_block + sizeof(rules::Body)) + allocated(body.chunks.capacity() * sizeof(rules::Chunk));
    for (const rules::Chunk& chunk : body.chunks) sum += allocated(control_block + sizeof(std::size_t) + chunk.size);
    return sum;
}

std::size_t heap_of(const std::vector<std::string>& texts) noexcept {
    std::size_t sum = allocated(texts.capacity() * sizeof(std::string));
    for (const std::string& text : texts) sum += heap_of(text);
    return sum;
}

std::size_t heap_of(const std::shared_ptr<const rules::Partial>& partial) noexcept {
    if (!partial) return 0;
    return allocated(control_block + sizeof(rules::Partial)) +
           allocated(partial->parts.capacity() * sizeof(rules::ByteRange));
}

}  // namespace

MemoryShard::~MemoryShard() = default;

MemoryShard::Hit MemoryShard::find(const HashedKey& key, Time now, Dropped& dropped) {
    const Map::iterator at = map_.find(key);
    if (at == map_.end()) return {};
    Entry& entry = at->second;
    if (entry.index) return {.response = nullptr, .vary = entry.index->vary};
    if (entry.expires <= now) {
        erase_response(at, dropped);
        return {};
    }
    if (entry.sequence != purges_.mark().sequence) return {.response = recheck(at, dropped), .vary = nullptr};
    entry.visited = true;
    return {.response = entry.response, .vary = nullptr};
}

// What the purges since it was last looked up have left of it.
StoredPtr MemoryShard::recheck(Map::iterator at, Dropped& dropped) {
    Entry& entry = at->second;
    const std::uint64_t sequence = purges_.mark().sequence;  // before the purges are asked
    const Purges::Effect effect = purges_.since_sequence(entry.sequence, *entry.response);
    if (effect.gone) {
        erase_response(at, dropped);
        return {};
    }
    entry.sequence = sequence;
    entry.visited = true;
    if (!effect.stale_since) return entry.response;
    StoredPtr stale = rules::stale_since(entry.response, *effect.stale_since);
    if (stale == entry.response) return stale;
    const std::string primary = entry.listed_in ? entry.listed_in->index->primary : entry.response->key;
    put(HashedKey(primary), stale, sequence, entry.expires, dropped);
    return stale;
}

void MemoryShard::put(const HashedKey& primary, StoredPtr response, std::uint64_t sequence, Time expires,
                      Dropped& dropped) {
    const HashedKey key(response->key);
    const bool is_variant = key.text != primary.text;
    const std::size_t bytes = response_bytes(*response);
    std::size_t needed = bytes;
    if (is_variant) {
        const rules::VaryIndex vary{.sets = {response->selecting_fields}};
        needed += index_bytes({std::string(primary.text), std::make_shared<const rules::VaryIndex>(vary), {}});
    }

    const Map::iterator old = map_.find(key);
    const bool visited = old != map_.end() && old->second.visited;
    remove(key, dropped);
    if (needed > budget_) return;
    make_room(needed, dropped);

    Entry* const index = is_variant ? &list_under(primary.text, response->selecting_fields, dropped) : nullptr;
    Entry& entry = map_[key];
    entry.response = std::move(response);
    entry.expires = expires;
    entry.sequence = sequence;
    entry.bytes = bytes;
    entry.visited = visited;
    entry.listed_in = index;
    queue_.push_front(entry);
    bytes_ += bytes;
    if (!index) return;
    auto& variants = index->index->variants;
    variants.push_front(entry);
    if (variants.size() <= max_variants_) return;
    erase_by_key(variants.back(), dropped);
    ++variants_dropped_;
}

void MemoryShard::remove(const HashedKey& key, Dropped& dropped) {
    const Map::iterator at = map_.find(key);
    if (at == map_.end()) return;
    if (!at->second.index) return erase_response(at, dropped);
    auto& variants = at->second.index->variants;
    for (bool last = false; !last;) {  // the index goes with the last one
        last = variants.size() == 1;
        erase_by_key(variants.front(), dropped);
    }
}

// The index under `primary`, made where there is none, naming `selecting_fields`. It must get a variant at once.
MemoryShard::Entry& MemoryShard::list_under(std::string_view primary, const std::string& selecting_fields,
                                            Dropped& dropped) {
    const HashedKey looked_for(primary);
    Map::iterator at = map_.find(looked_for);
    if (at != map_.end() && !at->second.index) {
        erase_response(at, dropped);
        at = map_.end();
    }
    if (at == map_.end()) {
        auto index = std::make_unique<Index>();
        index->primary = primary;
        const HashedKey key(index->primary);
        at = map_.try_emplace(key).first;
        at->second.index = std::move(index);
    }
    Entry& entry = at->second;
    rules::VaryIndex vary = entry.index->vary ? *entry.index->vary : rules::VaryIndex{};
    if (vary.sets.empty() || vary.sets.front() != selecting_fields) {
        vary.add(selecting_fields);
        entry.index->vary = std::make_shared<const rules::VaryIndex>(std::move(vary));
        bytes_ -= entry.bytes;
        entry.bytes = index_bytes(*entry.index);
        bytes_ += entry.bytes;
    }
    return entry;
}

void MemoryShard::make_room(std::size_t bytes, Dropped& dropped) {
    while (bytes_ + bytes > budget_ && !queue_.empty()) {
        erase_by_key(next_victim(), dropped);
        ++evictions_;
    }
}

// SIEVE: from the oldest on, those visited since the hand last passed are spared once.
MemoryShard::Entry& MemoryShard::next_victim() {
    for (;; --hand_) {
        if (hand_ == queue_.end()) --hand_;
        if (!hand_->visited) return *hand_;
        hand_->visited = false;
        if (hand_ == queue_.begin()) hand_ = queue_.end();
    }
}

void MemoryShard::erase_by_key(const Entry& entry, Dropped& dropped) {
    erase_response(map_.find(HashedKey(entry.response->key)), dropped);
}

void MemoryShard::erase_response(Map::iterator at, Dropped& dropped) {
    Entry& entry = at->second;
    if (hand_ != queue_.end() && &*hand_ == &entry) hand_ = hand_ == queue_.begin() ? queue_.end() : std::prev(hand_);
    queue_.erase(queue_.iterator_to(entry));
    bytes_ -= entry.bytes;
    Entry* const index = entry.listed_in;
    if (index) index->index->variants.erase(index->index->variants.iterator_to(entry));
    dropped.push_back(std::move(entry.response));  // the map's key is a view into it
    map_.erase(at);

    if (!index || !index->index->variants.empty()) return;
    bytes_ -= index->bytes;
    map_.erase(map_.find(HashedKey(index->index->primary)));
}

std::size_t MemoryShard::response_bytes(const rules::StoredResponse& response) noexcept {
    return allocated(sizeof(void*) + sizeof(Map::value_type)) + bucket +
           allocated(control_block + sizeof(rules::StoredResponse)) + heap_of(response.key) + heap_of(response.head) +
           heap_of(response.selecting_fields) + heap_of(response.surrogate_keys) + heap_of(*response.body) +
           heap_of(response.partial);
}

std::size_t MemoryShard::index_bytes(const Index& index) noexcept {
    return allocated(sizeof(void*) + sizeof(Map::value_type)) + bucket + allocated(sizeof(Index)) +
           heap_of(index.primary) + allocated(control_block + sizeof(rules::VaryIndex)) + heap_of(index.vary->sets);
}

}  // namespace proxy::store
