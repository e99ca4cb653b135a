#include "proxy/admin/purge_api.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "proxy/admin/purge_command.hpp"

using namespace proxy;
using namespace proxy::admin;
using nlohmann::json;

namespace {

using Texts = std::vector<std::string>;

PurgeCommand parsed(const Texts& arguments, const char* token = nullptr) {
    return parse_purge_command(
        arguments, [&](const char* name) { return std::string_view(name) == "WEIR_ADMIN_TOKEN" ? token : nullptr; });
}

std::shared_ptr<const Config> config_of(std::size_t max_things) {
    Config config;
    config.routes.emplace_back();
    config.purge.max_things = max_things;
    return std::make_shared<const Config>(std::move(config));
}

}  // namespace

TEST_CASE("purge API: what is purged, and what is refused with a reason") {
    struct Row {
        const char* name;
        std::string content;
        const char* reason;  // how it begins; null: it is a purge
    };
    const Row rows[] = {
        {"each kind",
         R"({"urls":["http://a/"],"surrogate_keys":["k"],"prefixes":["http://a/b"],"hosts":["a"],"everything":true,"soft":true})",
         nullptr},
        {"one kind", R"({"hosts":["a"]})", nullptr},
        {"switches that are off", R"({"hosts":["a"],"everything":false,"soft":false})", nullptr},
        {"nothing", "", "the content is no JSON object"},
        {"not JSON", "{urls:[]}", "the content is no JSON object"},
        {"more than JSON", R"({"hosts":["a"]} x)", "the content is no JSON object"},
        {"cut short", R"({"hosts":["a"])", "the content is no JSON object"},
        {"not UTF-8", "{\"hosts\":[\"\xff\"]}", "the content is no JSON object"},
        {"a list", R"(["http://a/"])", "the content is no JSON object"},
        {"null", "null", "the content is no JSON object"},
        {"very deep", std::string(100'000, '['), "the content is no JSON object"},
        {"an empty object", "{}", "nothing is named"},
        {"empty lists", R"({"urls":[],"hosts":[]})", "nothing is named"},
        {"soft alone", R"({"soft":true})", "nothing is named"},
        {"everything, but no", R"({"everything":false})", "nothing is named"},
        {"an unknown member", R"({"hosts":["a"],"tags":["b"]})", "\"tags\": unknown member, expected urls"},
        {"a member's letter case", R"({"URLs":["http://a/"]})", "\"URLs\": unknown member"},
        {"one URL without a list", R"({"urls":"http://a/"})", "urls: is no list, expected one of strings"},
        {"a number in a list", R"({"urls":["http://a/",7]})", "urls[1]: is no string"},
        {"a list in a list", R"({"hosts":[["a"]]})", "hosts[0]: is no string"},
        {"a number for a boolean", R"({"everything":1})", "everything: is no boolean"},
        {"a string for a boolean", R"({"hosts":["a"],"soft":"yes"})", "soft: is no boolean"},
        {"a bad URL", R"({"urls":["a"]})", "urls[0]: \"a\" is no URL"},
        {"too many", R"({"hosts":["a","b","c","d","e","f","g"]})", "7 things are named, expected at most 6"},
    };
    const store::Purges purges(1);
    const PurgeApi api{[] { return config_of(6); }, purges, nullptr, {}};
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const auto read = api.read(row.content);
        const auto* refused = std::get_if<LocalResponse>(&read);
        REQUIRE((refused != nullptr) == (row.reason != nullptr));
        if (refused == nullptr) continue;
        CHECK(refused->status == 400);
        const std::string reason = json::parse(refused->body).at("error");
        CHECK(reason.substr(0, std::string(row.reason).size()) == row.reason);
    }
    const auto read = api.read(rows[0].content);
    CHECK(std::get<store::Purge>(read) == store::Purge{.urls = {"http://a/"},
                                                       .surrogate_keys = {"k"},
                                                       .prefixes = {"http://a/b"},
                                                       .hosts = {"a"},
                                                       .everything = true,
                                                       .soft = true});
}

TEST_CASE("purge API: answers") {
    CHECK(PurgeApi::answer(3, Result<std::uint64_t>(std::uint64_t{7} << 22 | 1)).body ==
          R"({"position":"7-1","purged":3})");
    CHECK(PurgeApi::answer(1, Result<std::uint64_t>(0)).body == R"({"position":null,"purged":1})");
    CHECK(PurgeApi::answer(1, Result<std::uint64_t>(Errc::store_unavailable)).status == 503);
    CHECK(PurgeApi::answer(1, std::nullopt).status == 503);
    store::Purges purges(5);
    purges.apply({.hosts = {"a", "b"}}, 0, {});
    const PurgeApi api{[] { return config_of(1); }, purges, nullptr, {}};
    const json state = json::parse(api.state().body);
    CHECK(state.at("entries") == 2);
    CHECK(state.at("position").is_null());
    CHECK(state.at("following") == false);
}

TEST_CASE("weir purge: arguments") {
    const PurgeCommand command =
        parsed({"--url", "http://a/?b=c", "--url=http://d/?e=f", "--surrogate-key", "k", "--prefix", "http://p/",
                "--host", "h", "--soft", "--admin", "10.0.0.1:99", "--token=t"},
               "other");
    CHECK(command.request.urls == Texts{"http://a/?b=c", "http://d/?e=f"});
    CHECK(command.request.surrogate_keys == Texts{"k"});
    CHECK(command.request.prefixes == Texts{"http://p/"});
    CHECK(command.request.hosts == Texts{"h"});
    CHECK(command.request.soft);
    CHECK_FALSE(command.request.everything);
    CHECK(command.admin == Endpoint{"10.0.0.1", 99});
    CHECK(command.token == "t");
    CHECK(parsed({"--everything"}, "t").token == "t");
    CHECK(parsed({"--everything"}).admin == Endpoint{"127.0.0.1", 9180});
    CHECK(parsed({"--help"}).help);

    struct Row {
        const char* name;
        Texts arguments;
        const char* reason;
    };
    const Row rows[] = {
        {"nothing", {}, "nothing is named"},
        {"soft alone", {"--soft"}, "nothing is named"},
        {"without a value", {"--url"}, "--url: has no value"},
        {"unknown", {"--urls", "http://a/"}, "--urls: unknown flag; did you mean \"--url\"?"},
        {"no flag", {"http://a/"}, "http://a/: unknown flag"},
        {"a switch with a value", {"--soft=yes"}, "--soft: unknown flag"},
        {"a bad address", {"--everything", "--admin", "nowhere"}, "\"nowhere\" has no port"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string reason;
        try {
            (void)parsed(row.arguments);
        } catch (const std::runtime_error& error) {
            reason = error.what();
        }
        CHECK(reason.substr(0, std::string(row.reason).size()) == row.reason);
    }
}
