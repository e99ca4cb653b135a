#include "proxy/serving/request_copy.hpp"

namespace proxy::serving {

RequestCopy::RequestCopy(const rules::RequestHeader& request) : header_(request) {
    std::size_t size = request.method_text.size() + request.authority.size() + request.target.size();
    for (const rules::Field& field : request.fields) size += field.name.size() + field.value.size();
    text_.reserve(size);  // never exceeded: the views below stay valid
    header_.method_text = keep(request.method_text);
    header_.authority = keep(request.authority);
    header_.target = keep(request.target);
    for (const rules::Field& field : request.fields) fields_.push_back({field.id, keep(field.name), keep(field.value)});
    header_.fields = fields_;
}

std::string_view RequestCopy::keep(std::string_view view) {
    const std::size_t from = text_.size();
    text_.append(view);
    return {text_.data() + from, view.size()};
}

}  // namespace proxy::serving
