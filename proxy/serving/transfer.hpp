#pragma once
// One response on its way, and all who want it: filled by one coroutine, read by any number of others on whatever
// worker, each at its own pace.

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxy/async/wakeup.hpp"
#include "proxy/error.hpp"
#include "proxy/rules/storable.hpp"
#include "proxy/rules/stored_response.hpp"
#include "proxy/store/purges.hpp"
#include "proxy/upstream/content_reader.hpp"

namespace proxy::serving {

using rules::StoredPtr;

// Any thread: the mutex is held inside one function, and nothing else is.
//
// While all of the content may still be stored all of it is held. Once it may not be, only a window is: what every
// reader has passed is dropped, and who fills waits for the slowest reader.
class Transfer {
 public:
    enum class State {
        asking,          // nothing is known yet
        streaming,       // the header section is known, content is coming
        finished,        // it is all there
        released,        // the answer is for the leader alone: every other goes its own way
        server_failure,  // the origin answered with an error that a stale response may stand in for
        failed           // the origin gave no answer, or broke off
    };
    enum class Source { origin, validation, redis };  // of a response that is shared

    class Reader;

    struct Status {
        State state = State::asking;
        Source source = Source::origin;
        // While streaming an outline: all but the content, whose size is 0 where it is not known. Once finished the
        // whole; still the outline where the whole was not stored.
        StoredPtr response;
        bool whole = false;                           // `response` has its content
        std::optional<std::uint64_t> content_length;  // where it is known
        std::optional<rules::Uncacheable> refused;    // finished: why it was not stored
        std::string interims;                         // 1xx responses before it, ready to send
        boost::system::error_code error;              // failed
    };

    // `sequence`: of the purges that were applied when it began.
    Transfer(std::size_t window, std::uint64_t sequence) : window_(window), sequence_(sequence) {}
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // Who fills. Each wakes the readers.

    // A 1xx response, ready to send. Others get it with the response, once it is known to be for them, too.
    void add_interim(std::string_view head);
    void set_in_background() noexcept { in_background_.store(true); }  // it validates what may be used meanwhile
    void begin(StoredPtr outline, std::optional<std::uint64_t> content_length, Source source);
    void append(upstream::Buffers pieces);
    void append(const std::vector<rules::Chunk>& chunks);
    // `whole`: null where the content is over but was not all held. `refused`: why it was not stored.
    void finish(StoredPtr whole, Source source, std::optional<rules::Uncacheable> refused = std::nullopt,
                std::string trailers = {});
    void release();
    void fail(boost::system::error_code error);
    void fail_with_status();
    void abandon();  // nobody fills it any more: ends it, unless it has ended

    // The last pieces, without waking anybody yet: finish() follows. All content, of which nothing was dropped.
    [[nodiscard]] rules::BodyPtr complete(upstream::Buffers last_pieces);

    [[nodiscard]] std::uint64_t size() const;  // of the content so far
    [[nodiscard]] std::uint64_t held() const;  // of that, which was not dropped
    void hold_only_window();                   // it will not be stored

    // Until the window has room. Where one reader keeps it full for longer than `patience` while another has read
    // everything, the one is cut off. False: nobody reads any more. `wakeup`: the caller's, used until it returns.
    Awaitable<bool> await_room(Wakeup& wakeup, std::chrono::milliseconds patience);

    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    [[nodiscard]] bool is_in_background() const noexcept { return in_background_.load(); }
    [[nodiscard]] bool is_decided() const;  // no longer asking

    // Whether what it brings was purged since it began: then it is not for those who come now. `name`: the key of what
    // is wanted, for as long as the response is not known.
    [[nodiscard]] bool is_purged(const store::Purges& purges, std::string_view name) const;

    // Whether it takes longer than the response may be used: then it is not for those who come now, either.
    [[nodiscard]] bool is_stale() const;

 private:
    using Lock = std::lock_guard<std::mutex>;

    // What is known of a reader.
    struct Reading : boost::intrusive::list_base_hook<> {
        Wakeup::Handle wakeup;
        bool waiting = false;
        bool cut_off = false;
        bool late = false;        // the beginning was dropped before it came
        std::uint64_t sent = 0;   // before it everything was sent
        std::uint64_t taken = 0;  // up to here it was handed out
    };

    void cut_off_the_slowest();

    // Locked by the caller.
    void wake_readers();
    void drop_what_is_read();
    [[nodiscard]] std::uint64_t read_by_all() const;

    const std::size_t window_;
    const std::uint64_t sequence_;
    std::atomic<bool> in_background_{false};
    mutable std::mutex mutex_;
    State state_ = State::asking;
    Source source_ = Source::origin;
    StoredPtr response_;
    bool whole_ = false;
    std::optional<std::uint64_t> content_length_;
    std::optional<rules::Uncacheable> refused_;
    boost::system::error_code error_;
    std::string interims_;
    std::string trailers_;
    std::optional<rules::GrowingBody> growing_;
    rules::BodyPtr body_;  // all content, from complete() to finish()
    bool windowed_ = false;
    std::optional<Wakeup::Handle> filler_;  // waits for room
    boost::intrusive::list<Reading, boost::intrusive::constant_time_size<false>> readers_;
};

// One who wants the response. On its own worker's thread; leaves when destroyed.
class Transfer::Reader {
 public:
    Reader(std::shared_ptr<Transfer> transfer, Executor executor, Deadlines& deadlines);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Waits until more is known than that the origin is being asked, or until `limit`.
    Awaitable<Status> status(Clock::time_point limit);

    // The same until it is finished or has failed, or only a window of it is held: then there will be no whole.
    Awaitable<Status> outcome(Clock::time_point limit);

    // The next content, from where the last call ended; empty at the end. Errors: what the transfer failed with;
    // client_too_slow where this reader held up the others; deadline_exceeded. Of the chunks of the last call nothing
    // is needed any more.
    Awaitable<Result<std::vector<rules::Chunk>>> next(Clock::time_point limit);
    void skip_to(std::uint64_t offset);  // before the first call of next

    [[nodiscard]] const Transfer& transfer() const noexcept { return *transfer_; }
    [[nodiscard]] std::string trailers() const;  // of the origin, once next() has come to the end

 private:
    [[nodiscard]] Status status_locked() const;
    std::vector<rules::Chunk> take_locked();

    const std::shared_ptr<Transfer> transfer_;
    Wakeup wakeup_;
    Reading reading_;  // shared, under the mutex
};

}  // namespace proxy::serving
