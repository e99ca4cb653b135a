#include "tests/bench/tools/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace bench {
namespace {

int check(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void send_at_once(int fd) {
    const int on = 1;
    check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

std::ptrdiff_t outcome(std::ptrdiff_t result, std::ptrdiff_t at_end) {
    if (result > 0) return result;
    if (result == 0) return at_end;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Descriptor::~Descriptor() {
    if (fd_ >= 0) close(fd_);
}

Descriptor listen_on(std::uint16_t port) {
    Descriptor listener(check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    check(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    const sockaddr_in address = loopback(port);
    check(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    check(listen(listener.get(), SOMAXCONN), "listen");
    return listener;
}

std::uint16_t port_of(const Descriptor& listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    check(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ntohs(address.sin_port);
}

Descriptor accept_from(const Descriptor& listener) {
    Descriptor socket(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() >= 0) send_at_once(socket.get());
    return socket;
}

// Waits, which on loopback takes no time, and blocks no more afterwards.
Descriptor connect_to(std::uint16_t port) {
    Descriptor socket(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const sockaddr_in address = loopback(port);
    check(connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    send_at_once(socket.get());
    int on = 1;
    check(ioctl(socket.get(), FIONBIO, &on), "FIONBIO");
    return socket;
}

Epoll::Epoll() : epoll_(check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

void Epoll::add(const Descriptor& descriptor, std::uint32_t events, void* context) {
    epoll_event event{.events = events, .data = {.ptr = context}};
    check(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor.get(), &event), "epoll_ctl");
}

void Epoll::change(const Descriptor& descriptor, std::uint32_t events, void* context) {
    epoll_event event{.events = events, .data = {.ptr = context}};
    check(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor.get(), &event), "epoll_ctl");
}

std::span<const epoll_event> Epoll::wait() {
    for (;;) {
        const int count = epoll_wait(epoll_.get(), events_, static_cast<int>(std::size(events_)), -1);
        if (count > 0) return {events_, static_cast<std::size_t>(count)};
        if (count < 0 && errno != EINTR) check(count, "epoll_wait");
    }
}

std::ptrdiff_t receive(const Descriptor& socket, std::span<char> into) {
    return outcome(recv(socket.get(), into.data(), into.size(), 0), -1);
}

std::ptrdiff_t send(const Descriptor& socket, std::string_view bytes) {
    return outcome(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
}

std::ptrdiff_t send(const Descriptor& socket, std::span<iovec> parts) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return outcome(sendmsg(socket.get(), &message, MSG_NOSIGNAL), 0);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

unsigned long number(const char* text) {
    unsigned long value = 0;
    const char* const end = text + std::strlen(text);
    const auto [last, ec] = std::from_chars(text, end, value);
    if (ec != std::errc{} || last != end) throw std::invalid_argument(std::string("not a number: ") + text);
    return value;
}

}  // namespace bench
