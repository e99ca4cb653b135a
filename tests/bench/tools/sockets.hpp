#pragma once
// What the measuring programs share: loopback sockets that never block, and epoll. Failing to set up throws.

#include <sys/epoll.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bench {

// A file descriptor, closed with its owner.
class Descriptor {
 public:
    explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    [[nodiscard]] int get() const noexcept { return fd_; }

 private:
    int fd_;
};

[[nodiscard]] Descriptor listen_on(std::uint16_t port);  // 0: any free one
[[nodiscard]] std::uint16_t port_of(const Descriptor& listener);
[[nodiscard]] Descriptor accept_from(const Descriptor& listener);  // -1 where nobody waits
[[nodiscard]] Descriptor connect_to(std::uint16_t port);

class Epoll {
 public:
    Epoll();

    // `context` comes back with the events; it outlives the descriptor.
    void add(const Descriptor& descriptor, std::uint32_t events, void* context);
    void change(const Descriptor& descriptor, std::uint32_t events, void* context);
    [[nodiscard]] std::span<const epoll_event> wait();  // at least one

 private:
    Descriptor epoll_;
    epoll_event events_[256];
};

// recv and send: how many bytes; 0 where it would block, negative where the peer is gone.
[[nodiscard]] std::ptrdiff_t receive(const Descriptor& socket, std::span<char> into);
[[nodiscard]] std::ptrdiff_t send(const Descriptor& socket, std::string_view bytes);
[[nodiscard]] std::ptrdiff_t send(const Descriptor& socket, std::span<iovec> parts);

void raise_descriptor_limit();
[[nodiscard]] unsigned long number(const char* text);  // throws where it is none

}  // namespace bench
