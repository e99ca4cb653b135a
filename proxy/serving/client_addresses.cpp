#include "proxy/serving/client_addresses.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace proxy::serving {
namespace {

namespace ip = boost::asio::ip;

std::array<std::uint8_t, 16> client_of(const ip::address& address) {
    if (address.is_v4()) return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
    std::array<std::uint8_t, 16> bytes = address.to_v6().to_bytes();
    if (!address.to_v6().is_v4_mapped()) std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return bytes;
}

}  // namespace

std::size_t ClientAddresses::HashOf::operator()(const Client& client) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(client.data()), client.size()});
}

std::optional<ClientAddresses::Place> ClientAddresses::enter(const ip::address& address, std::size_t limit) {
    const Client client = client_of(address);
    const std::lock_guard lock(mutex_);
    std::size_t& connections = connections_[client];
    if (connections >= limit) return std::nullopt;
    ++connections;
    return Place(*this, client);
}

void ClientAddresses::leave(const Client& client) {
    const std::lock_guard lock(mutex_);
    const auto at = connections_.find(client);
    if (--at->second == 0) connections_.erase(at);
}

std::size_t ClientAddresses::clients() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

}  // namespace proxy::serving
