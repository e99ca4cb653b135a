#pragma once
// A real redis-server of the test's own: a free port and a unix socket, nothing on disk, gone with the object.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace tests {

class RedisServer {
 public:
    // `options` as on redis-server's command line, e.g. {"--requirepass", "secret"}. Returns when it answers.
    explicit RedisServer(std::vector<std::string> options = {});
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }  // of 127.0.0.1
    [[nodiscard]] const std::string& unix_socket() const noexcept { return unix_socket_; }

    void pause();  // keeps its connections and answers nothing
    void resume();
    void kill();     // at once, everything in it is lost
    void restart();  // on the same addresses, empty; kills it first where it runs

 private:
    void start();

    std::vector<std::string> options_;
    TemporaryFolder folder_;
    const std::string unix_socket_ = folder_.file("socket");
    std::uint16_t port_ = 0;
    pid_t process_ = 0;
};

}  // namespace tests
