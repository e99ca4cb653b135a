#include "tests/support/redis_server.hpp"

#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string_view>
#include <thread>

extern char** environ;

namespace tests {
namespace {

std::uint16_t free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(probe, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(probe);
    return ntohs(address.sin_port);
}

// Any answer will do: one that wants a password is up as well.
bool answers(const std::string& unix_socket) {
    const int connection = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    unix_socket.copy(address.sun_path, sizeof address.sun_path - 1);
    char reply = 0;
    const std::string_view ping = "PING\r\n";
    const bool answered = ::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                          ::send(connection, ping.data(), ping.size(), MSG_NOSIGNAL) > 0 &&
                          ::recv(connection, &reply, 1, 0) == 1;
    ::close(connection);
    return answered;
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> options) : options_(std::move(options)) {
    for (int attempt = 0; attempt < 5 && process_ == 0; ++attempt) {  // another process may take the port first
        port_ = free_port();
        start();
    }
    if (process_ == 0) throw std::runtime_error("redis-server does not start");
}

RedisServer::~RedisServer() { kill(); }

void RedisServer::pause() { ::kill(process_, SIGSTOP); }

void RedisServer::resume() { ::kill(process_, SIGCONT); }

void RedisServer::kill() {
    if (process_ == 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
}

void RedisServer::restart() {
    kill();
    start();
    if (process_ == 0) throw std::runtime_error("redis-server does not start again");
}

void RedisServer::start() {
    std::filesystem::remove(unix_socket_);
    // It ends with the test, by whatever way that ends.
    std::vector<std::string> arguments{"setpriv", "--pdeathsig", "KILL", "redis-server"};
    const std::vector<std::string> settings{
        "--port",    std::to_string(port_),   "--bind", "127.0.0.1", "--unixsocket", unix_socket_,
        "--dir",     folder_.path().string(), "--save", "",          "--appendonly", "no",
        "--logfile", folder_.file("log")};
    arguments.insert(arguments.end(), settings.begin(), settings.end());
    arguments.insert(arguments.end(), options_.begin(), options_.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    if (::posix_spawnp(&process_, "setpriv", nullptr, nullptr, pointers.data(), environ) != 0)
        throw std::runtime_error("setpriv is not installed");
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!answers(unix_socket_)) {
        if (::waitpid(process_, nullptr, WNOHANG) == process_) {
            process_ = 0;
            return;
        }
        if (std::chrono::steady_clock::now() > deadline) return kill();
        std::this_thread::sleep_for(2ms);
    }
}

}  // namespace tests
