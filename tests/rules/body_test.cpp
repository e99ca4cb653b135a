#include "proxy/rules/body.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace proxy::rules;

namespace {

std::string alphabet(std::size_t size) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
}

std::string content_of(const Body& body) {
    std::string all;
    for_each_piece(body, 0, body.size, [&all](std::string_view piece) { all += piece; });
    return all;
}

}  // namespace

TEST_CASE("content grows in bounded chunks that stay where they are") {
    const std::string text = alphabet(200'001);
    for (const bool announced : {true, false}) {
        CAPTURE(announced);
        GrowingBody growing(announced ? std::optional<std::uint64_t>(text.size()) : std::nullopt);
        growing.append(std::string_view(text).substr(0, 7'001));
        const Chunk first = growing.from(0);
        CHECK(first.view() == text.substr(0, 7'001));
        for (std::size_t at = 7'001; at < text.size(); at += 7'001)
            growing.append(std::string_view(text).substr(at, 7'001));
        CHECK(growing.size() == text.size());
        CHECK(growing.from(65'535).view().front() == text[65'535]);
        CHECK(growing.from(text.size()).size == 0);

        const char* const bytes = first.bytes.get();
        const BodyPtr body = std::move(growing).finish();
        CHECK(body->size == text.size());
        CHECK(content_of(*body) == text);
        CHECK(body->chunks.front().bytes.get() == bytes);
        for (const Chunk& chunk : body->chunks) CHECK(chunk.size <= GrowingBody::max_chunk);
    }
}

TEST_CASE("what was dropped is no longer held, and cannot be read") {
    GrowingBody growing;
    growing.append(alphabet(3 * GrowingBody::max_chunk));
    growing.drop_before(GrowingBody::max_chunk + 1);
    CHECK(growing.size() == 3 * GrowingBody::max_chunk);
    CHECK(growing.held() == 2 * GrowingBody::max_chunk);
    CHECK(growing.from(0).size == 0);
    CHECK(growing.from(GrowingBody::max_chunk).size == GrowingBody::max_chunk);
    CHECK(growing.from(2 * GrowingBody::max_chunk + 5).size == GrowingBody::max_chunk - 5);
}

TEST_CASE("a small piece of unknown length wastes nothing") {
    GrowingBody growing;
    growing.append("hello");
    const BodyPtr body = std::move(growing).finish();
    REQUIRE(body->chunks.size() == 1);
    CHECK(body->chunks.front().view() == "hello");
}
