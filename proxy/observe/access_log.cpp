// Workers append their lines to one buffer; the writer's thread swaps it for an empty one and writes it as a whole. The
// mutex guards the buffer and the flags and is held for a copy of one line at most, never during a write.

#include "proxy/observe/access_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "proxy/observe/escape.hpp"
#include "proxy/observe/log.hpp"

namespace proxy::observe {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_queue = 8u << 20;  // bytes
constexpr std::size_t batch_size = 64u << 10;
constexpr auto batch_delay = 50ms;  // a line is written no later; one wake-up then serves many lines

struct JsonLine {
    std::string& out;

    void name(std::string_view text) {
        out.push_back(out.empty() ? '{' : ',');
        out.append(1, '"').append(text).append("\":");
    }
    void text(std::string_view member, std::optional<std::string_view> value) {
        name(member);
        value ? append_json_string(out, *value) : null();
    }
    void number(std::string_view member, std::optional<std::uint64_t> value) {
        name(member);
        if (!value) return null();
        char digits[20];
        out.append(digits, std::to_chars(digits, digits + sizeof digits, *value).ptr);
    }
    void boolean(std::string_view member, bool value) {
        name(member);
        out.append(value ? "true" : "false");
    }
    void null() { out.append("null"); }
};

// "2024-05-01T12:34:56.789Z"
std::string_view format_time(std::chrono::system_clock::time_point time, char (&buffer)[48]) {
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = milliseconds / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    const std::size_t length = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &utc);
    const int rest =
        std::snprintf(buffer + length, sizeof buffer - length, ".%03dZ", static_cast<int>(milliseconds % 1000));
    return {buffer, length + static_cast<std::size_t>(rest)};
}

template <class Reason>
std::optional<std::string_view> name_of(std::optional<Reason> reason) {
    if (!reason) return std::nullopt;
    return rules::to_string(*reason);
}

std::uint64_t microseconds(std::chrono::nanoseconds duration) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count() / 1000));
}

void append_line(std::string& out, const ExchangeRecord& record) {
    char time[48];
    JsonLine line{out};
    line.text("time", format_time(std::chrono::system_clock::now(), time));
    line.text("client", record.client);
    line.text("method", record.method);
    line.text("host", record.authority);
    line.text("target", record.target);
    line.number("status", record.status);
    line.text("outcome", to_string(record.outcome));
    line.text("tier", record.tier == Tier::none ? std::nullopt : std::optional(to_string(record.tier)));
    line.text("forward_reason", name_of(record.forwarded));
    line.number("forward_status", record.forward_status);
    line.boolean("stored", record.stored);
    line.boolean("collapsed", record.collapsed);
    line.text("uncacheable", name_of(record.uncacheable));
    line.number("bytes", record.bytes_sent);
    line.number("duration_us", microseconds(record.total));
    line.number("upstream_us", microseconds(record.upstream));
    line.text("request_id", record.request_id);
    const std::string error = record.error ? record.error.message() : std::string();
    line.text("error", record.error ? std::optional<std::string_view>(error) : std::nullopt);
    out.append("}\n");
}

// What could not be written; errno says why.
std::string_view write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {  // standard output may be shared with one who made it non-blocking
            pollfd writable{fd, POLLOUT, 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            break;
        }
    }
    return bytes;
}

class File {
 public:
    explicit File(std::string name) : name_(std::move(name)), fd_(name_ == "-" ? STDOUT_FILENO : open_file()) {
        if (fd_ < 0) throw std::runtime_error(describe(errno));
    }
    ~File() {
        if (name_ != "-") ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    void reopen() {
        if (name_ == "-") return;
        const int opened = open_file();
        if (opened < 0) return log(LogLevel::error, describe(errno) + "; the old file stays in use");
        ::close(std::exchange(fd_, opened));
        torn_ = false;
    }

    // Returns how many of the lines were lost. A failure is logged once, until a write succeeds.
    std::uint64_t write(std::string_view lines) {
        if (lines.empty()) return 0;
        if (torn_ && write_all(fd_, "\n").empty()) torn_ = false;
        const std::string_view rest = write_all(fd_, lines);
        if (rest.empty() == failing_) {
            failing_ = !failing_;
            if (failing_)
                log(LogLevel::error, describe(errno) + "; lines are dropped until it can be written");
            else
                log(LogLevel::info, "access log " + name_ + " can be written again");
        }
        const std::size_t written = lines.size() - rest.size();
        if (written != 0) torn_ = lines[written - 1] != '\n';
        return static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
    }

 private:
    [[nodiscard]] int open_file() const {
        return ::open(name_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    }
    [[nodiscard]] std::string describe(int error) const {
        return "access log " + name_ + ": " + std::generic_category().message(error);
    }

    std::string name_;
    int fd_;
    bool torn_ = false;  // the file ends within a line
    bool failing_ = false;
};

}  // namespace

struct AccessLog::Impl {
    explicit Impl(const std::string& name) : file(name) {}

    void run() {
        sigset_t broken_pipe;
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);  // a closed standard output is an error like another

        std::string batch;
        std::unique_lock lock(mutex);
        for (;;) {
            wake.wait(lock, [this] { return stopping || reopening || !queue.empty(); });
            wake.wait_for(lock, batch_delay, [this] { return stopping || reopening || queue.size() >= batch_size; });
            if (stopping && queue.empty()) return;
            batch.swap(queue);
            const bool reopen = std::exchange(reopening, false);
            lock.unlock();
            if (reopen) file.reopen();
            dropped.fetch_add(file.write(batch), std::memory_order_relaxed);
            batch.clear();
            lock.lock();
        }
    }

    File file;  // the writer's alone
    std::mutex mutex;
    std::condition_variable wake;
    std::string queue;
    bool stopping = false;
    bool reopening = false;
    std::atomic<std::uint64_t> dropped{0};
    std::thread writer;
};

AccessLog::AccessLog(const std::string& file) : impl_(std::make_unique<Impl>(file)) {
    impl_->writer = std::thread([this] { impl_->run(); });
}

AccessLog::~AccessLog() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->wake.notify_one();
    impl_->writer.join();
}

void AccessLog::write(const ExchangeRecord& record) {
    thread_local std::string line;  // keeps its capacity
    line.clear();
    append_line(line, record);

    bool wake = false;
    {
        const std::lock_guard lock(impl_->mutex);
        const std::size_t before = impl_->queue.size();
        if (before + line.size() > max_queue) {
            impl_->dropped.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        impl_->queue += line;
        wake = before == 0 || (before < batch_size && impl_->queue.size() >= batch_size);
    }
    if (wake) impl_->wake.notify_one();
}

void AccessLog::reopen() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->reopening = true;
    }
    impl_->wake.notify_one();
}

std::uint64_t AccessLog::dropped() const noexcept { return impl_->dropped.load(std::memory_order_relaxed); }

}  // namespace proxy::observe
