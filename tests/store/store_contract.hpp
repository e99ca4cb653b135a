#pragma once
// What every tier must do.

#include <functional>

#include "proxy/store/store.hpp"
#include "tests/store/examples.hpp"
#include "tests/store/run.hpp"

namespace tests {

// A store that starts empty, with max_object_size 100,000 and max_variants 3.
class StoreUnderTest {
 public:
    StoreUnderTest(boost::asio::io_context& context, proxy::store::Store& store,
                   std::function<void(std::chrono::seconds)> passing_time)
        : pass_time(std::move(passing_time)), context_(context), store_(store) {}

    proxy::store::Found lookup(const proxy::rules::RequestHeader& request, std::string_view primary = example_key) {
        return run(context_, store_.lookup(primary, request)).value();
    }
    std::string content(const proxy::rules::RequestHeader& request, std::string_view primary = example_key) {
        const proxy::store::Found found = lookup(request, primary);
        return found.response ? content_of(*found.response) : "none";
    }
    void put(proxy::store::StoredPtr response, std::chrono::seconds keep = std::chrono::seconds{100},
             std::string_view primary = example_key) {
        CHECK(run(context_, store_.put(primary, std::move(response), keep, {})).has_value());
    }
    void remove(std::string_view primary = example_key) { CHECK(run(context_, store_.remove(primary)).has_value()); }

    std::function<void(std::chrono::seconds)> pass_time;

 private:
    boost::asio::io_context& context_;
    proxy::store::Store& store_;
};

// Called in a test case of its own, whose store is new for each subcase.
inline void check_store_contract(StoreUnderTest& store) {
    using std::chrono::seconds;
    const Request plain;
    const Request gzip("accept-encoding", "gzip");
    const Request brotli("accept-encoding", "br");
    const Request german("accept-language", "de");

    SUBCASE("nothing there") {
        const auto found = store.lookup(plain);
        CHECK_FALSE(found.response);
        CHECK_FALSE(found.vary_miss);
    }
    SUBCASE("comes back whole") {
        const auto original = example();
        store.put(original);
        const auto found = store.lookup(plain);
        REQUIRE(found.response);
        check_same(*found.response, *original);
        CHECK_FALSE(store.lookup(plain, "http://example.com/items/fo").response);
    }
    SUBCASE("without content") {
        store.put(example(""));
        CHECK(store.content(plain) == "");
    }
    SUBCASE("large content, in odd chunks") {
        const auto original = example_in({std::string(1, 'a'), std::string(40'000, 'b'), "", std::string(33'333, 'c')});
        store.put(original);
        const auto found = store.lookup(plain);
        REQUIRE(found.response);
        check_same(*found.response, *original);
    }
    SUBCASE("too large: not stored, and no error") {
        store.put(example(std::string(100'000, 'x')));
        CHECK(store.content(plain).size() == 100'000);
        store.remove();
        store.put(example(std::string(100'001, 'x')));
        CHECK(store.content(plain) == "none");
    }
    SUBCASE("the next replaces the last") {
        store.put(example("one"));
        store.put(example(std::string(90'000, '2')));
        CHECK(store.content(plain) == std::string(90'000, '2'));
        store.put(example("three"));
        CHECK(store.content(plain) == "three");
    }
    SUBCASE("removed") {
        store.put(example());
        store.put(example("other", "http://example.com/other"), seconds{100}, "http://example.com/other");
        store.remove();
        CHECK(store.content(plain) == "none");
        CHECK(store.content(plain, "http://example.com/other") == "other");
        store.remove();
    }
    SUBCASE("gone after its time") {
        store.put(example("short"), seconds{1});
        store.put(example("long", "http://example.com/long"), seconds{100}, "http://example.com/long");
        CHECK(store.content(plain) == "short");
        store.pass_time(seconds{1});
        CHECK(store.content(plain) == "none");
        CHECK(store.content(plain, "http://example.com/long") == "long");
        store.put(example("never"), seconds{0});
        CHECK(store.content(plain) == "none");
    }
    SUBCASE("variants: each to its request") {
        store.put(example_variant("gzip", "accept-encoding", gzip));
        store.put(example_variant("br", "accept-encoding", brotli));
        CHECK(store.content(gzip) == "gzip");
        CHECK(store.content(brotli) == "br");
        const auto found = store.lookup(plain);
        CHECK_FALSE(found.response);
        CHECK(found.vary_miss);
        store.put(example_variant(std::string(90'000, 'g'), "accept-encoding", gzip));
        CHECK(store.content(gzip) == std::string(90'000, 'g'));
        CHECK(store.content(brotli) == "br");
    }
    SUBCASE("variants: of several sets the most recent Date") {
        const Request both(Request::Texts{{"accept-encoding", "gzip"}, {"accept-language", "de"}});
        const auto older = example_variant("older", "accept-encoding", both);
        proxy::rules::StoredDraft newer = older->draft();
        newer.content = "newer";
        newer.arrival.date += seconds{10};
        store.put(proxy::rules::StoredResponse::make(newer));
        store.put(example_variant("older", "accept-language", both));
        CHECK(store.content(both) == "newer");
        CHECK(store.content(gzip) == "newer");
        CHECK(store.content(german) == "older");
    }
    SUBCASE("variants: removed together, and no later one brings them back") {
        store.put(example_variant("gzip", "accept-encoding", gzip));
        store.put(example_variant("br", "accept-encoding", brotli));
        store.remove();
        CHECK(store.content(gzip) == "none");
        store.put(example_variant("new", "accept-encoding", brotli));
        CHECK(store.content(brotli) == "new");
        CHECK(store.content(gzip) == "none");
    }
    SUBCASE("a response without Vary ends the variants, and they it") {
        store.put(example_variant("gzip", "accept-encoding", gzip));
        store.put(example("for all"));
        CHECK(store.content(gzip) == "for all");
        CHECK(store.content(plain) == "for all");
        store.put(example_variant("br", "accept-encoding", brotli));
        CHECK(store.content(brotli) == "br");
        CHECK(store.content(gzip) == "none");
        CHECK(store.content(plain) == "none");
    }
    SUBCASE("variants: no key, nothing stored, nothing found") {
        const Request endless("accept-encoding", std::string(proxy::rules::max_selecting_values + 1, 'x'));
        store.put(example_variant("gzip", "accept-encoding", gzip));
        store.put(example_variant("endless", "accept-encoding", endless));
        CHECK(store.content(gzip) == "gzip");
        const auto found = store.lookup(endless);
        CHECK_FALSE(found.response);
        CHECK(found.vary_miss);
        CHECK(store.content(gzip) == "gzip");
    }
    SUBCASE("variants: for one too many the one stored longest ago goes") {
        const Request zstd("accept-encoding", "zstd");
        const Request identity("accept-encoding", "identity");
        store.put(example_variant("gzip", "accept-encoding", gzip));
        store.put(example_variant("br", "accept-encoding", brotli));
        store.put(example_variant("zstd", "accept-encoding", zstd));
        CHECK(store.content(gzip) == "gzip");
        store.put(example_variant("gzip again", "accept-encoding", gzip));
        CHECK(store.content(brotli) == "br");
        store.put(example_variant("identity", "accept-encoding", identity));
        CHECK(store.content(brotli) == "none");
        CHECK(store.lookup(brotli).vary_miss);
        CHECK(store.content(zstd) == "zstd");
        store.put(example_variant("de", "accept-language", german));  // all sets count together
        CHECK(store.content(zstd) == "none");
        CHECK(store.content(gzip) == "gzip again");
        CHECK(store.content(identity) == "identity");
        CHECK(store.content(german) == "de");
    }
    SUBCASE("variants: gone after their time") {
        store.put(example_variant("short", "accept-encoding", gzip), seconds{1});
        store.put(example_variant("long", "accept-encoding", brotli), seconds{100});
        store.pass_time(seconds{1});
        CHECK(store.content(gzip) == "none");
        CHECK(store.content(brotli) == "long");
    }
}

}  // namespace tests
