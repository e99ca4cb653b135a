#include "proxy/error.hpp"

#include <string>

namespace proxy {
namespace {

class Category final : public boost::system::error_category {
 public:
    const char* name() const noexcept override { return "weir"; }

    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::deadline_exceeded: return "deadline exceeded";
            case Errc::upstream_unreachable: return "upstream unreachable";
            case Errc::upstream_closed: return "upstream closed the connection before its response was complete";
            case Errc::upstream_malformed: return "upstream sent a malformed response";
            case Errc::upstream_overloaded: return "too many requests wait for the upstream";
            case Errc::client_closed: return "client closed the connection";
            case Errc::client_malformed: return "client sent a malformed request body";
            case Errc::client_too_slow: return "client sent its request body too slowly";
            case Errc::client_too_large: return "client's request body is too large";
            case Errc::no_buffers: return "no room for buffers";
            case Errc::store_unavailable: return "store unavailable";
            case Errc::store_overloaded: return "too many commands wait for the store";
            case Errc::store_incomplete: return "content in the store is no longer complete";
            case Errc::bad_wire_format: return "stored record does not decode";
            case Errc::cancelled: return "cancelled";
        }
        return "unknown error";
    }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

}  // namespace proxy
