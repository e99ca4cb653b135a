#pragma once
// What ends a line of a header or trailer section, and what continues one. RFC 9112 §2.2, §5.2

#include <string_view>

namespace proxy::rules {

enum class LineFault {
    none,
    bare_ending,  // CR or LF without the other: some readers end the line there, others do not
    folded        // a line that begins with white space continues the one before, for some
};

// In a section or the beginning of one; a CR at its very end may still get its LF.
[[nodiscard]] LineFault line_fault(std::string_view section) noexcept;

}  // namespace proxy::rules
