#include "proxy/serving/collector.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace proxy;
using namespace proxy::serving;

namespace {

void add(Collector& collector, const std::string& bytes) {
    const boost::asio::const_buffer piece = boost::asio::buffer(bytes);
    collector.add({&piece, 1});
}

BufferBudget buffers(1u << 30);

std::string content(const rules::Body& body) {
    std::string all;
    for (const rules::Chunk& chunk : body.chunks) all += chunk.view();
    return all;
}

}  // namespace

TEST_CASE("what streams by is gathered whole, in bounded chunks") {
    std::string bytes(200'001, 'x');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 26);
    for (const bool announced : {true, false}) {
        CAPTURE(announced);
        Collector collector(rules::Freshness{}, 1u << 20,
                            announced ? std::optional<std::uint64_t>(bytes.size()) : std::nullopt, buffers);
        for (std::size_t i = 0; i < bytes.size(); i += 7'001) add(collector, bytes.substr(i, 7'001));
        REQUIRE(collector.storable());
        CHECK(collector.size() == bytes.size());
        const rules::BodyPtr body = collector.finish();
        CHECK(body->size == bytes.size());
        CHECK(content(*body) == bytes);
        for (const rules::Chunk& chunk : body->chunks) CHECK(chunk.size <= rules::GrowingBody::max_chunk);
    }
}

TEST_CASE("nothing is gathered beyond the limit") {
    SUBCASE("announced") {
        Collector collector(rules::Freshness{}, 10, 11, buffers);
        CHECK(collector.uncacheable() == rules::Uncacheable::too_large);
    }
    SUBCASE("found out") {
        Collector collector(rules::Freshness{}, 10, std::nullopt, buffers);
        add(collector, "0123456789");
        CHECK(collector.storable());
        add(collector, "x");
        CHECK(collector.uncacheable() == rules::Uncacheable::too_large);
        CHECK(collector.size() == 0);
    }
}

TEST_CASE("what may not be stored is not gathered") {
    Collector collector(rules::Uncacheable::no_store, 10, std::nullopt, buffers);
    add(collector, "x");
    CHECK(collector.uncacheable() == rules::Uncacheable::no_store);
    CHECK(collector.size() == 0);
}

TEST_CASE("what is gathered counts, and nothing is gathered where there is no room") {
    BufferBudget few(100);
    {
        Collector first(rules::Freshness{}, 1'000, std::nullopt, few);
        add(first, std::string(60, 'x'));
        Collector second(rules::Freshness{}, 1'000, std::nullopt, few);
        add(second, std::string(40, 'x'));
        CHECK(few.used() == 100);
        add(second, "x");
        CHECK(second.uncacheable() == rules::Uncacheable::overloaded);
        CHECK(few.used() == 60);
        add(first, std::string(40, 'x'));
        const Collector moved = std::move(first);
        CHECK(moved.storable());
        CHECK(few.used() == 100);
    }
    CHECK(few.used() == 0);
}
