#pragma once
// A request header of its own: for what goes on after the client's bytes are gone.

#include <string>
#include <vector>

#include "proxy/rules/message.hpp"

namespace proxy::serving {

// Not to be moved: the header's views point into it.
class RequestCopy {
 public:
    explicit RequestCopy(const rules::RequestHeader& request);
    RequestCopy(const RequestCopy&) = delete;
    RequestCopy& operator=(const RequestCopy&) = delete;

    [[nodiscard]] const rules::RequestHeader& header() const noexcept { return header_; }

 private:
    std::string_view keep(std::string_view view);

    std::string text_;
    std::vector<rules::Field> fields_;
    rules::RequestHeader header_;
};

}  // namespace proxy::serving
