#pragma once
// How many connections each client has, so that none takes all of them.

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace proxy::serving {

// Any thread; asked when a connection begins, never for a request.
class ClientAddresses {
    using Client = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d; of IPv6 the first 64 bits: one site has all

 public:
    ClientAddresses() = default;
    ClientAddresses(const ClientAddresses&) = delete;
    ClientAddresses& operator=(const ClientAddresses&) = delete;

    // One connection of a client's, as long as it lives.
    class Place {
     public:
        Place(Place&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), client_(other.client_) {}
        Place& operator=(Place&&) = delete;
        ~Place() {
            if (owner_) owner_->leave(client_);
        }

     private:
        friend class ClientAddresses;
        Place(ClientAddresses& owner, const Client& client) : owner_(&owner), client_(client) {}
        ClientAddresses* owner_;
        Client client_;
    };

    // Nothing where the client has `limit` of them, which is at least one.
    [[nodiscard]] std::optional<Place> enter(const boost::asio::ip::address& address, std::size_t limit);

    [[nodiscard]] std::size_t clients() const;  // that have any

 private:
    struct HashOf {
        std::size_t operator()(const Client& client) const noexcept;
    };

    void leave(const Client& client);

    mutable std::mutex mutex_;
    std::unordered_map<Client, std::size_t, HashOf> connections_;
};

}  // namespace proxy::serving
