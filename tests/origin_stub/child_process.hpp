#pragma once
// A program under test: started with its output on pipes, ended with the test that started it.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

// What a program writes, read to its end or line by line.
class Pipe {
 public:
    Pipe() { REQUIRE(pipe2(ends_.data(), O_CLOEXEC) == 0); }
    ~Pipe() {
        close_writer();
        close(ends_[0]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    [[nodiscard]] int writer() const { return ends_[1]; }
    void close_writer() {
        if (ends_[1] >= 0) close(ends_[1]);
        ends_[1] = -1;
    }

    std::string read_line() { return read_until('\n'); }
    std::string read_all() { return read_until('\0'); }

 private:
    std::string read_until(char last) {
        std::string text;
        char c = 0;
        while (read(ends_[0], &c, 1) == 1 && c != last) text += c;
        return text;
    }

    std::array<int, 2> ends_{-1, -1};
};

class ChildProcess {
 public:
    explicit ChildProcess(std::vector<std::string> arguments) {
        std::vector<char*> argv;
        for (std::string& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, out.writer(), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, err.writer(), STDERR_FILENO);
        REQUIRE(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
        out.close_writer();
        err.close_writer();
    }
    ~ChildProcess() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        wait();
    }
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    void terminate() const { kill(pid_, SIGTERM); }

    // The exit status; 128 + n where signal n ended it.
    int wait() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    Pipe out, err;

 private:
    pid_t pid_ = 0;
};

// weir-origin-stub on a free port; by default without latency but for what the requests ask for.
class OriginProcess : public ChildProcess {
 public:
    OriginProcess() : OriginProcess({WEIR_ORIGIN_STUB, "--listen", "127.0.0.1:0", "--latency", "0ms"}) {}
    explicit OriginProcess(std::vector<std::string> arguments) : ChildProcess(std::move(arguments)) {
        const std::string line = out.read_line();
        REQUIRE(line.starts_with("listening on 127.0.0.1:"));
        port = line.substr(line.rfind(':') + 1);
    }

    std::string port;
};
