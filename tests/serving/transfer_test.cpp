#include "proxy/serving/transfer.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <thread>

#include "proxy/serving/transfers.hpp"

using namespace proxy;
using namespace proxy::serving;
using namespace std::chrono_literals;

namespace {

using State = Transfer::State;

const auto soon = [] { return Clock::now() + 20s; };

StoredPtr outline_of(std::string_view key, std::string_view surrogate_keys = {}) {
    return rules::StoredResponse::make({.key = key, .surrogate_keys = surrogate_keys});
}

void append(Transfer& transfer, std::string_view bytes) {
    const asio::const_buffer piece(bytes.data(), bytes.size());
    transfer.append(upstream::Buffers(&piece, 1));
}

// All that the reader gets, until the end or an error.
Awaitable<void> read_all(Transfer::Reader& reader, std::string& all, boost::system::error_code& error) {
    for (;;) {
        const Result<std::vector<rules::Chunk>> chunks = co_await reader.next(soon());
        if (chunks.has_error()) error = chunks.error();
        if (chunks.has_error() || chunks->empty()) co_return;
        for (const rules::Chunk& chunk : *chunks) all += chunk.view();
    }
}

void spawn(asio::io_context& io, Awaitable<void> task) {
    asio::co_spawn(io, std::move(task), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
}

}  // namespace

TEST_CASE("a transfer is read on other threads while it is filled") {
    const auto transfer = std::make_shared<Transfer>(1u << 20, 0);
    std::string expected;
    for (int i = 0; i < 300'000; ++i) expected += static_cast<char>('a' + i % 23);
    std::vector<std::string> read(4);
    std::vector<std::thread> threads;
    std::atomic<int> ready{0};
    for (std::string& all : read) {
        threads.emplace_back([&] {
            asio::io_context io(1);
            Deadlines deadlines;
            Transfer::Reader reader(transfer, io.get_executor(), deadlines);
            boost::system::error_code error;
            spawn(io, read_all(reader, all, error));
            spawn(io, [](std::atomic<int>& count) -> Awaitable<void> {
                ++count;
                co_return;
            }(ready));
            io.run();
            CHECK_FALSE(error);
        });
    }
    while (ready < 4) std::this_thread::yield();
    transfer->begin(outline_of("k"), std::nullopt, Transfer::Source::origin);
    for (std::size_t at = 0; at < expected.size(); at += 1'000)
        append(*transfer, std::string_view(expected).substr(at, 1'000));
    const rules::BodyPtr body = transfer->complete({});
    CHECK(body->size == expected.size());
    transfer->finish(rules::completed(*outline_of("k"), body, 0ms), Transfer::Source::origin);
    for (std::thread& thread : threads) thread.join();
    for (const std::string& all : read) CHECK((all == expected));
}

TEST_CASE("a transfer that came to its end at once is read whole, or from where a reader wants it") {
    for (const std::size_t size : {std::size_t{7}, rules::StoredResponse::max_inline_content + 7}) {
        CAPTURE(size);
        std::string expected(size, 'x');
        expected.back() = 'y';
        const StoredPtr whole = rules::StoredResponse::make({.key = "k", .content = expected});
        const auto transfer = std::make_shared<Transfer>(1u << 20, 0);
        transfer->finish(whole, Transfer::Source::origin);
        CHECK(transfer->size() == size);
        asio::io_context io(1);
        Deadlines deadlines;
        for (const std::size_t from : {std::size_t{0}, size - 3, size}) {
            CAPTURE(from);
            Transfer::Reader reader(transfer, io.get_executor(), deadlines);
            if (from > 0) reader.skip_to(from);
            std::string all;
            boost::system::error_code error;
            spawn(io, read_all(reader, all, error));
            io.run();
            io.restart();
            CHECK_FALSE(error);
            CHECK(all == expected.substr(from));
        }
    }
}

TEST_CASE("readers of a transfer that ends small get the rest of it, before it is said to be whole and after") {
    const auto transfer = std::make_shared<Transfer>(1u << 20, 0);
    asio::io_context io(1);
    Deadlines deadlines;
    const StoredPtr outline = outline_of("k");
    transfer->begin(outline, std::nullopt, Transfer::Source::origin);
    append(*transfer, "abc");
    Transfer::Reader quick(transfer, io.get_executor(), deadlines), slow(transfer, io.get_executor(), deadlines);
    const auto next = [&](Transfer::Reader& reader) {
        std::string got;
        spawn(io, [](Transfer::Reader& from, std::string& content) -> Awaitable<void> {
            const Result<std::vector<rules::Chunk>> chunks = co_await from.next(soon());
            REQUIRE(chunks.has_value());
            for (const rules::Chunk& chunk : *chunks) content += chunk.view();
        }(reader, got));
        io.run();
        io.restart();
        return got;
    };
    CHECK(next(quick) == "abc");
    CHECK(next(slow) == "abc");
    const asio::const_buffer last("defg", 4);
    const rules::BodyPtr body = transfer->complete(upstream::Buffers(&last, 1));
    CHECK(transfer->size() == 7);
    CHECK(next(quick) == "defg");
    transfer->finish(rules::completed(*outline, body, 0ms), Transfer::Source::origin);
    CHECK(next(slow) == "defg");
    CHECK(next(slow).empty());
    CHECK(next(quick).empty());
}

TEST_CASE("a window holds what the slowest reader needs, and no more") {
    asio::io_context io(1);
    Deadlines deadlines;
    const auto transfer = std::make_shared<Transfer>(2 * rules::GrowingBody::max_chunk, 0);
    Transfer::Reader quick(transfer, io.get_executor(), deadlines);
    Transfer::Reader slow(transfer, io.get_executor(), deadlines);
    Wakeup room(io.get_executor(), deadlines);
    transfer->begin(outline_of("k"), std::nullopt, Transfer::Source::origin);
    transfer->hold_only_window();
    append(*transfer, std::string(4 * rules::GrowingBody::max_chunk, 'x'));
    std::string all_quick, all_slow;
    boost::system::error_code error_quick, error_slow;
    std::optional<bool> wanted;
    spawn(io, read_all(quick, all_quick, error_quick));
    spawn(io, [](Transfer& full, Wakeup& wakeup, std::optional<bool>& result) -> Awaitable<void> {
        result = co_await full.await_room(wakeup, 1h);
    }(*transfer, room, wanted));
    while (io.poll_one() > 0) {
    }
    CHECK(all_quick.size() == 4 * rules::GrowingBody::max_chunk);
    CHECK_FALSE(wanted);  // the slow one has read nothing yet

    Transfer::Reader late(transfer, io.get_executor(), deadlines);
    spawn(io, read_all(slow, all_slow, error_slow));
    for (int i = 0; i < 1'000 && !wanted; ++i) io.run_one_for(20s);
    REQUIRE(wanted);
    CHECK(*wanted);
    transfer->finish(nullptr, Transfer::Source::origin);
    while (io.poll_one() > 0) {
    }
    CHECK((all_slow == all_quick));
}

TEST_CASE("a reader that wants only what comes later waits, too: who holds it up is cut off") {
    asio::io_context io(1);
    Deadlines deadlines;
    const auto transfer = std::make_shared<Transfer>(2 * rules::GrowingBody::max_chunk, 0);
    Transfer::Reader ahead(transfer, io.get_executor(), deadlines);
    Transfer::Reader slow(transfer, io.get_executor(), deadlines);
    Wakeup room(io.get_executor(), deadlines);
    transfer->begin(outline_of("k"), std::nullopt, Transfer::Source::origin);
    ahead.skip_to(100 * rules::GrowingBody::max_chunk);
    transfer->hold_only_window();
    append(*transfer, std::string(4 * rules::GrowingBody::max_chunk, 'x'));
    std::optional<bool> wanted;
    spawn(io, [](Transfer& full, Wakeup& wakeup, std::optional<bool>& result) -> Awaitable<void> {
        result = co_await full.await_room(wakeup, 1ms);
    }(*transfer, room, wanted));
    for (int i = 0; i < 1'000 && !wanted; ++i) io.run_one_for(20s);
    REQUIRE(wanted);
    CHECK(*wanted);
    std::string content;
    boost::system::error_code error;
    spawn(io, read_all(slow, content, error));
    while (io.poll_one() > 0) {
    }
    CHECK(error == Errc::client_too_slow);
    CHECK(content.empty());
}

TEST_CASE("a purge ends the joining of what was asked for before it") {
    store::Purges purges(10);
    const CollapseConfig config;
    BufferBudget buffers(1u << 30);
    Transfers transfers(config, purges, buffers);
    auto place = transfers.enter("http://a/x");
    Lead first = std::move(std::get<Lead>(place));
    CHECK(std::holds_alternative<std::shared_ptr<Transfer>>(transfers.enter("http://a/x")));

    SUBCASE("by its URL") {
        purges.apply({.urls = {"http://a/x"}}, 0, {});
        CHECK(std::holds_alternative<Lead>(transfers.enter("http://a/x")));
    }
    SUBCASE("by a surrogate key, once that is known") {
        first.transfer().begin(outline_of("http://a/x", "k"), std::nullopt, Transfer::Source::origin);
        purges.apply({.surrogate_keys = {"k"}}, 0, {});
        CHECK_FALSE(transfers.find("http://a/x"));
        CHECK(std::holds_alternative<Lead>(transfers.enter("http://a/x")));
    }
    SUBCASE("but not by one of something else") {
        purges.apply({.urls = {"http://a/y"}, .surrogate_keys = {"k"}}, 0, {});
        CHECK(transfers.find("http://a/x"));
    }
}

TEST_CASE("a lead that is dropped releases those who wait, and leaves the table") {
    const store::Purges purges(10);
    const CollapseConfig config;
    BufferBudget buffers(1u << 30);
    Transfers transfers(config, purges, buffers);
    std::shared_ptr<Transfer> transfer;
    {
        auto place = transfers.enter("k");
        transfer = std::get<Lead>(place).shared();
        CHECK(transfers.stats().in_flight == 1);
    }
    CHECK(transfer->is_decided());
    CHECK(transfers.stats().in_flight == 0);
}

TEST_CASE("marks are bounded, and end") {
    const store::Purges purges(10);
    CollapseConfig config;
    config.max_marks = 32;
    config.hit_for_miss = 1h;
    BufferBudget buffers(1u << 30);
    Transfers transfers(config, purges, buffers);
    for (int i = 0; i < 1'000; ++i) transfers.mark("key " + std::to_string(i));
    CHECK(transfers.stats().marks <= 32);
    CHECK(std::holds_alternative<Transfers::Marked>(transfers.enter("key 999")));
    transfers.unmark("key 999");
    CHECK(std::holds_alternative<Lead>(transfers.enter("key 999")));
}

TEST_CASE("no more is reserved than there is") {
    const store::Purges purges(10);
    CollapseConfig config;
    config.max_bytes = 100;
    BufferBudget buffers(1u << 30);
    Transfers transfers(config, purges, buffers);
    CHECK(transfers.reserve(60));
    CHECK_FALSE(transfers.reserve(41));
    CHECK(transfers.reserve(40));
    transfers.give_back(100);
    CHECK(transfers.reserve(100));
}
