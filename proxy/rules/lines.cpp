#include "proxy/rules/lines.hpp"

namespace proxy::rules {

LineFault line_fault(std::string_view section) noexcept {
    for (std::size_t i = section.find('\n'); i != section.npos; i = section.find('\n', i + 1)) {
        if (i == 0 || section[i - 1] != '\r') return LineFault::bare_ending;
        if (i + 1 < section.size() && (section[i + 1] == ' ' || section[i + 1] == '\t')) return LineFault::folded;
    }
    for (std::size_t i = section.find('\r'); i != section.npos; i = section.find('\r', i + 1))
        if (i + 1 < section.size() && section[i + 1] != '\n') return LineFault::bare_ending;
    return LineFault::none;
}

}  // namespace proxy::rules
