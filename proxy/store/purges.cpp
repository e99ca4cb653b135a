// Invariant: whoever sees a sequence number finds what it stands for in the maps. So the number is published last, and
// a reader who still sees the one before is ordered before the purge.
#include "proxy/store/purges.hpp"

#include <algorithm>
#include <mutex>

#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::store {
namespace {

std::string_view url_of(std::string_view key) noexcept { return key.substr(0, key.find(' ')); }

std::string_view host_of_url(std::string_view url) noexcept {
    const std::size_t scheme = url.find("://");
    if (scheme == url.npos) return {};
    url.remove_prefix(scheme + 3);
    return rules::host_of(url.substr(0, url.find_first_of("/?")));
}

void raise(Mark& mark, const Mark& to) noexcept {
    mark.sequence = std::max(mark.sequence, to.sequence);
    mark.position = std::max(mark.position, to.position);
}

}  // namespace

// Whether anything changed.
bool Purges::stamp(Stamps& stamps, const Moment& moment) noexcept {
    Mark& mark = moment.soft ? stamps.soft : stamps.hard;
    if (moment.mark.position != 0 && mark.position >= moment.mark.position) return false;
    raise(mark, moment.mark);
    if (moment.soft) stamps.soft_at = moment.now;
    return true;
}

void Purges::apply(const Purge& purge, std::uint64_t position, rules::Time now) {
    const std::unique_lock lock(mutex_);
    const Moment moment{{sequence_.load() + 1, position}, purge.soft, now};
    bool changed = purge.everything && stamp(everything_, moment);
    for (const std::string& text : purge.urls) changed |= note(url, text, moment);
    for (const std::string& text : purge.surrogate_keys) changed |= note(surrogate_key, text, moment);
    for (const std::string& text : purge.prefixes) changed |= note_prefix(text, moment);
    for (const std::string& text : purge.hosts) changed |= note(host, text, moment);
    if (position > position_.load()) position_.store(position);
    if (changed) sequence_.store(moment.mark.sequence);
}

bool Purges::note(Kind kind, std::string_view text, const Moment& moment) {
    Map& map = maps_[kind];
    Map::iterator at = map.find(text);
    if (at == map.end()) {
        at = map.try_emplace(std::string(text)).first;
        at->second.kind = kind;
        at->second.text = &at->first;
        order_.push_back(at->second);
        if (kind == prefix) ++prefix_lengths_[text.size()];
    }
    if (!stamp(at->second, moment)) return false;
    order_.splice(order_.end(), order_, order_.iterator_to(at->second));
    if (order_.size() > max_entries_) drop_oldest();
    return true;
}

bool Purges::note_prefix(std::string_view text, const Moment& moment) {
    if (prefix_lengths_.size() >= max_prefix_lengths && !prefix_lengths_.contains(text.size())) {
        const auto longer = prefix_lengths_.lower_bound(text.size());
        if (longer == prefix_lengths_.begin()) return stamp(everything_, moment);
        text = text.substr(0, std::prev(longer)->first);
    }
    return note(prefix, text, moment);
}

void Purges::drop_oldest() {
    Entry& oldest = order_.front();
    raise(everything_.hard, oldest.hard);
    if (oldest.soft.sequence > everything_.soft.sequence) everything_.soft_at = oldest.soft_at;
    raise(everything_.soft, oldest.soft);
    if (oldest.kind == prefix) {
        const auto length = prefix_lengths_.find(oldest.text->size());
        if (--length->second == 0) prefix_lengths_.erase(length);
    }
    order_.pop_front();
    Map& map = maps_[oldest.kind];
    map.erase(map.find(*oldest.text));
}

Purges::Effect Purges::since_sequence(std::uint64_t sequence, const rules::StoredResponse& response) const {
    return effect(sequence, &Mark::sequence, response);
}

Purges::Effect Purges::since_position(std::uint64_t position, const rules::StoredResponse& response) const {
    return effect(position, &Mark::position, response);
}

Purges::Effect Purges::effect(std::uint64_t since, std::uint64_t Mark::* order,
                              const rules::StoredResponse& response) const {
    Effect effect;
    const auto consider = [&](const Stamps& stamps) {
        effect.gone = effect.gone || stamps.hard.*order > since;
        if (stamps.soft.*order > since)
            effect.stale_since = std::min(effect.stale_since.value_or(stamps.soft_at), stamps.soft_at);
    };
    const auto look_up = [&](Kind kind, std::string_view text) {
        const auto at = maps_[kind].find(text);
        if (at != maps_[kind].end()) consider(at->second);
    };
    const std::string_view its_url = url_of(response.key());
    const std::shared_lock lock(mutex_);
    consider(everything_);
    look_up(url, its_url);
    look_up(host, host_of_url(its_url));
    rules::for_each_surrogate_key(response.surrogate_keys(),
                                  [&](std::string_view key) { look_up(surrogate_key, key); });
    for (const auto& [length, count] : prefix_lengths_) {
        if (length > its_url.size()) break;
        look_up(prefix, its_url.substr(0, length));
    }
    return effect;
}

std::size_t Purges::entries() const {
    const std::shared_lock lock(mutex_);
    return order_.size();
}

}  // namespace proxy::store
