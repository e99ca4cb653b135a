#include "proxy/config/problems.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>
#include <utility>

#include "proxy/config/load_config.hpp"

namespace proxy::config {
namespace {

// Levenshtein's: insertions, deletions and substitutions that lead from one word to the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t substituted = diagonal + (from[i] == to[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
        }
    }
    return row.back();
}

// maxConnections, max-connections and max_connections are the same word to one who guesses.
std::string without_style(std::string_view word) {
    std::string plain;
    for (const char c : word)
        if (c != '_' && c != '-') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return plain;
}

// One line of text, whatever the file holds.
std::string printable(std::string text) {
    std::ranges::replace_if(text, [](unsigned char c) { return std::iscntrl(c); }, '?');
    return text;
}

}  // namespace

void Problems::in_file(const std::string& file, int line, const std::string& path, const std::string& what) {
    std::string text = file;
    if (line > 0) text += ':' + std::to_string(line);
    if (!path.empty()) text += ": " + path;
    found_.emplace(line, printable(text + ": " + what));
}

void Problems::elsewhere(const std::string& where, const std::string& what) {
    found_.emplace(std::numeric_limits<int>::max(), printable(where.empty() ? what : where + ": " + what));
}

void Problems::throw_if_any() const {
    if (found_.empty()) return;
    std::vector<std::string> texts;
    for (const auto& [line, text] : found_) texts.push_back(text);
    throw ConfigError(std::move(texts));
}

std::string did_you_mean(std::string_view given, const std::vector<std::string>& known) {
    constexpr std::size_t longest = 100;  // what is longer is no misspelling, and the distance takes quadratic time
    if (given.empty() || given.size() > longest) return {};
    const std::string plain = without_style(given);
    const std::string* nearest = nullptr;
    std::size_t nearest_distance = std::max<std::size_t>(1, plain.size() / 3) + 1;
    for (const std::string& word : known) {
        const std::string candidate = without_style(word);
        const bool abbreviated = plain.size() >= 4 && candidate.starts_with(plain);
        const std::size_t distance = abbreviated ? 1 : edit_distance(plain, candidate);
        if (distance >= nearest_distance) continue;
        nearest_distance = distance;
        nearest = &word;
    }
    return nearest ? "; did you mean \"" + *nearest + "\"?" : "";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace proxy::config
