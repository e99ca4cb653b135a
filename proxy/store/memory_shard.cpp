#include "proxy/store/memory_shard.hpp"

#include <algorithm>

namespace proxy::store {
namespace {

// What malloc takes for `size` bytes: a header of 8, rounded up to 16.
constexpr std::size_t allocated(std::size_t size) noexcept {
    return size == 0 ? 0 : std::max<std::size_t>(32, (size + 8 + 15) / 16 * 16);
}

constexpr std::size_t control_block = 16;  // of make_shared
constexpr std::size_t bucket = 16;         // an entry's share of the table's array

// Of a string of that text.
std::size_t heap_of(std::string_view text) noexcept {
    static const std::size_t inline_capacity = std::string().capacity();
    return text.size() <= inline_capacity ? 0 : allocated(text.size() + 1);
}

std::size_t heap_of(const std::vector<std::string>& texts) noexcept {
    std::size_t sum = allocated(texts.capacity() * sizeof(std::string));
    for (const std::string& text : texts) sum += heap_of(text);
    return sum;
}

std::size_t heap_of(const rules::Body* body) noexcept {
    if (!body) return 0;
    std::size_t sum =
        allocated(control_block + sizeof(rules::Body)) + allocated(body->chunks.capacity() * sizeof(rules::Chunk));
    for (const rules::Chunk& chunk : body->chunks) sum += allocated(control_block + sizeof(std::size_t) + chunk.size);
    return sum;
}

std::size_t heap_of(const rules::Partial* partial) noexcept {
    if (!partial) return 0;
    return allocated(control_block + sizeof(rules::Partial)) +
           allocated(partial->parts.capacity() * sizeof(rules::ByteRange));
}

std::uint32_t narrow(Time time) noexcept {
    return static_cast<std::uint32_t>(rules::within_kept_times(time).time_since_epoch().count());
}

Time widened(std::uint32_t time) noexcept { return Time(seconds(time)); }

}  // namespace

void MemoryShard::free(Entry* entry) noexcept {
    if (entry->listed_in)
        delete static_cast<Variant*>(entry);
    else
        delete entry;
}

MemoryShard::~MemoryShard() {
    table_.clear();
    queue_.clear_and_dispose(free);
}

MemoryShard::Entry* MemoryShard::find_response(const HashedKey& key) {
    const Table::iterator at = table_.find(key, HashOf(), SameKey());
    return at == table_.end() ? nullptr : &*at;
}

MemoryShard::Hit MemoryShard::find(const HashedKey& key, Time now, Dropped& dropped) {
    Entry* const entry = find_response(key);
    if (!entry) {
        const Indexes::iterator index = indexes_.find(key);
        if (index == indexes_.end()) return {};
        return {.response = nullptr, .vary = index->second->vary};
    }
    if (widened(entry->expires) <= now) {
        erase(*entry, dropped);
        return {};
    }
    if (entry->sequence != purges_.mark().sequence) return {.response = recheck(*entry, dropped), .vary = nullptr};
    entry->visited = true;
    return {.response = entry->response, .vary = nullptr};
}

// What the purges since it was last looked up have left of it.
StoredPtr MemoryShard::recheck(Entry& entry, Dropped& dropped) {
    const std::uint64_t sequence = purges_.mark().sequence;  // before the purges are asked
    const Purges::Effect effect = purges_.since_sequence(entry.sequence, *entry.response);
    if (effect.gone) {
        erase(entry, dropped);
        return {};
    }
    entry.sequence = sequence;
    entry.visited = true;
    if (!effect.stale_since) return entry.response;
    StoredPtr stale = rules::stale_since(entry.response, *effect.stale_since);
    if (stale == entry.response) return stale;
    const std::string primary(entry.listed_in ? entry.listed_in->primary : entry.response->key());
    put(HashedKey(primary), stale, sequence, widened(entry.expires), dropped);
    return stale;
}

void MemoryShard::put(const HashedKey& primary, StoredPtr response, std::uint64_t sequence, Time expires,
                      Dropped& dropped) {
    const HashedKey key(response->key());
    const bool is_variant = key.text != primary.text;
    const std::size_t bytes = response_bytes(*response, is_variant);
    std::size_t needed = bytes;
    if (is_variant) needed += index_bytes(primary.text, {.sets = {std::string(response->selecting_fields())}});

    const Entry* const old = find_response(key);
    const bool visited = old && old->visited;
    remove(key, dropped);
    if (needed > budget_) return;
    make_room(needed, dropped);

    make_bucket();
    auto variant = is_variant ? std::make_unique<Variant>() : nullptr;
    auto plain = is_variant ? nullptr : std::make_unique<Entry>();
    Index* const index = is_variant ? &list_under(primary, response->selecting_fields(), dropped) : nullptr;
    Entry& entry = index ? *variant.release() : *plain.release();  // erase() frees it
    entry.response = std::move(response);
    entry.listed_in = index;
    entry.sequence = sequence;
    entry.expires = narrow(expires);
    entry.visited = visited;
    table_.insert(entry);
    queue_.push_front(entry);
    if (index) index->variants.push_front(static_cast<Variant&>(entry));
    bytes_ += bytes;
    if (!index || index->variants.size() <= max_variants_) return;
    erase(index->variants.back(), dropped);
    ++variants_dropped_;
}

// For one entry more.
void MemoryShard::make_bucket() {
    if (table_.size() < buckets_.size()) return;
    Buckets more(buckets_.size() * 2);
    table_.rehash(Table::bucket_traits(more.data(), more.size()));
    buckets_ = std::move(more);
}

void MemoryShard::remove(const HashedKey& key, Dropped& dropped) {
    if (Entry* entry = find_response(key)) return erase(*entry, dropped);
    const Indexes::iterator at = indexes_.find(key);
    if (at == indexes_.end()) return;
    auto& variants = at->second->variants;
    for (std::size_t left = variants.size(); left > 0; --left)  // the index goes with the last one
        erase(variants.back(), dropped);
}

// The index under `primary`, made where there is none, naming `selecting_fields`. It must get a variant at once.
MemoryShard::Index& MemoryShard::list_under(const HashedKey& primary, std::string_view selecting_fields,
                                            Dropped& dropped) {
    if (Entry* alone = find_response(primary)) erase(*alone, dropped);
    Indexes::iterator at = indexes_.find(primary);
    if (at == indexes_.end()) {
        auto made = std::make_unique<Index>();
        made->primary = primary.text;
        const HashedKey key(made->primary);
        at = indexes_.try_emplace(key, std::move(made)).first;
    }
    Index& index = *at->second;
    rules::VaryIndex vary = index.vary ? *index.vary : rules::VaryIndex{};
    if (vary.sets.empty() || vary.sets.front() != selecting_fields) {
        vary.add(std::string(selecting_fields));
        index.vary = std::make_shared<const rules::VaryIndex>(std::move(vary));
        bytes_ -= index.bytes;
        index.bytes = index_bytes(index.primary, *index.vary);
        bytes_ += index.bytes;
    }
    return index;
}

void MemoryShard::make_room(std::size_t bytes, Dropped& dropped) {
    while (bytes_ + bytes > budget_ && !queue_.empty()) {
        erase(next_victim(), dropped);
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

void MemoryShard::erase(Entry& entry, Dropped& dropped) {
    dropped.push_back(entry.response);
    if (hand_ != queue_.end() && &*hand_ == &entry) hand_ = hand_ == queue_.begin() ? queue_.end() : std::prev(hand_);
    table_.erase(table_.iterator_to(entry));
    queue_.erase(queue_.iterator_to(entry));
    Index* const index = entry.listed_in;
    bytes_ -= response_bytes(*entry.response, index != nullptr);
    if (index) index->variants.erase(index->variants.iterator_to(static_cast<Variant&>(entry)));
    free(&entry);
    if (!index || !index->variants.empty()) return;
    bytes_ -= index->bytes;
    indexes_.erase(indexes_.find(HashedKey(index->primary)));
}

std::size_t MemoryShard::response_bytes(const rules::StoredResponse& response, bool is_variant) noexcept {
    return allocated(is_variant ? sizeof(Variant) : sizeof(Entry)) + bucket + allocated(response.block_size()) +
           (response.rest() ? allocated(sizeof(rules::StoredResponse::Rest)) : 0) + heap_of(response.body()) +
           heap_of(response.partial());
}

std::size_t MemoryShard::index_bytes(std::string_view primary, const rules::VaryIndex& vary) noexcept {
    return allocated(sizeof(void*) + sizeof(Indexes::value_type)) + bucket + allocated(sizeof(Index)) +
           heap_of(primary) + allocated(control_block + sizeof(rules::VaryIndex)) + heap_of(vary.sets);
}

}  // namespace proxy::store
