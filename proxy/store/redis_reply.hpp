#pragma once
// What Redis answers.

#include <cstdint>
#include <string>
#include <vector>

namespace proxy::store {

struct Reply {
    enum class Type { nil, integer, string, status, error, array } type = Type::nil;
    std::int64_t integer = 0;
    std::string text;  // of a string, status or error
    std::vector<Reply> elements;
};

}  // namespace proxy::store
