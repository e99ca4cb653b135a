#include "proxy/store/wire_format.hpp"

#include <doctest/doctest.h>

#include <boost/endian/conversion.hpp>
#include <random>

#include "tests/store/examples.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::rules::StoredDraft;
using proxy::rules::StoredPtr;
using proxy::rules::StoredResponse;

namespace {

std::string sealed(std::string bytes) {
    unsigned char sum[8];
    boost::endian::store_little_u64(sum, checksum(bytes));
    return bytes.append(reinterpret_cast<const char*>(sum), sizeof sum);
}

std::string unsealed(std::string record) {
    record.resize(record.size() - 8);
    return record;
}

bool decodes(std::string_view bytes, std::string_view key = example_key) {
    return decode_record(bytes, key).has_value();
}

// Must neither crash nor claim more content than there is, with the checksum as it is and with the right one.
void fuzz_one(std::string_view bytes) {
    for (const std::string& input : {std::string(bytes), sealed(std::string(bytes))}) {
        (void)decode_piece(input, 7, 0);
        (void)peek_pieces(input);
        const auto record = decode_record(input, example_key);
        const auto* response = record ? std::get_if<ResponseRecord>(&*record) : nullptr;
        if (response == nullptr) continue;
        CHECK(response->response->key() == example_key);
        CHECK(response->response->content_size() <= bytes.size());
    }
}

}  // namespace

TEST_CASE("wire format: what is written is read") {
    StoredPtr original;
    SUBCASE("every member") { original = example(); }
    SUBCASE("no content") { original = example(""); }
    SUBCASE("content in chunks") { original = example_in({"a", "", std::string(70'000, 'b'), "c"}); }
    SUBCASE("any bytes") { original = example(std::string("\0\r\n\xff", 4)); }
    SUBCASE("a variant") {
        original = example_with([](StoredDraft& draft) { draft.selecting_fields = "accept,accept-encoding"; });
    }
    SUBCASE("nothing set that need not be") { original = StoredResponse::make({.key = example_key, .status = 200}); }
    const auto record = decode_record(encode_response(*original, 99, {}, 0x0102030405060708), example_key);
    REQUIRE(record.has_value());
    const auto& read = std::get<ResponseRecord>(*record);
    check_same(*read.response, *original);
    CHECK(read.index_generation == 99);
    CHECK(read.purge_position == 0x0102030405060708);
    CHECK(read.content_size == original->content_size());
    CHECK(read.pieces == Pieces{});
}

TEST_CASE("wire format: content in pieces") {
    const StoredPtr original = example_in({"abc", "", "defgh", "ij"});
    const Pieces pieces{.generation = 0xfeed, .count = 3};
    const std::string encoded = encode_response(*original, 0, pieces);
    CHECK(peek_pieces(std::string_view(encoded).substr(0, record_prefix_size)) == pieces);
    const auto record = decode_record(encoded, example_key);
    REQUIRE(record.has_value());
    CHECK(std::get<ResponseRecord>(*record).pieces == pieces);
    CHECK(std::get<ResponseRecord>(*record).content_size == 10);
    CHECK(std::get<ResponseRecord>(*record).response->content_size() == 0);

    const std::string piece = encode_piece(*original, 2, 4, 0xfeed, 1);
    CHECK(decode_piece(piece, 0xfeed, 1).value() == "cdef");
    CHECK_FALSE(decode_piece(piece, 0xfeed, 0).has_value());
    CHECK_FALSE(decode_piece(piece, 0xfeee, 1).has_value());
    CHECK_FALSE(decodes(piece));
    for (std::size_t size = 0; size < piece.size(); ++size)
        CHECK_FALSE(decode_piece(piece.substr(0, size), 0xfeed, 1).has_value());
}

TEST_CASE("wire format: partial content") {
    using proxy::rules::ByteRange;
    struct Row {
        std::string name;
        std::uint64_t complete_length;
        std::vector<ByteRange> parts;  // of 7 bytes together
        bool expected;
    };
    const Row rows[] = {
        {"the beginning", 8, {{0, 6}}, true},
        {"the end", 8, {{1, 7}}, true},
        {"two parts", 100, {{0, 2}, {50, 53}}, true},
        {"parts with a gap of one byte", 100, {{0, 2}, {4, 7}}, true},
        {"all of it", 7, {{0, 6}}, false},
        {"beyond the end", 8, {{2, 8}}, false},
        {"parts that touch", 100, {{0, 2}, {3, 6}}, false},
        {"parts that overlap", 100, {{0, 3}, {3, 5}}, false},
        {"parts in the wrong order", 100, {{50, 53}, {0, 2}}, false},
        {"a part that ends before it begins", 100, {{5, 4}, {10, 16}}, false},
        {"less content than the parts say", 100, {{0, 7}}, false},
        {"more content than the parts say", 100, {{0, 5}}, false},
        {"a length that would overflow", ~std::uint64_t{0}, {{0, 6}}, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr original = example_with([&](StoredDraft& draft) {
            draft.partial =
                std::make_shared<const proxy::rules::Partial>(proxy::rules::Partial{row.complete_length, row.parts});
        });
        const auto record = decode_record(encode_response(*original, 0, {}), example_key);
        REQUIRE(record.has_value() == row.expected);
        if (row.expected) check_same(*std::get<ResponseRecord>(*record).response, *original);
    }
}

TEST_CASE("wire format: the index") {
    const IndexRecord original{.generation = 5, .vary = {.sets = {"accept-encoding", "", "accept,cookie"}}};
    const std::string encoded = encode_index(example_key, original);
    CHECK(encoded.starts_with(index_prefix));
    CHECK(peek_pieces(encoded) == Pieces{});
    const auto record = decode_record(encoded, example_key);
    REQUIRE(record.has_value());
    CHECK(std::get<IndexRecord>(*record).generation == 5);
    CHECK(std::get<IndexRecord>(*record).vary.sets == original.vary.sets);
    CHECK_FALSE(decodes(encoded, "http://example.com/items/bar"));

    IndexRecord many;
    many.vary.sets.assign(proxy::rules::VaryIndex::max_sets + 1, "accept");
    CHECK_FALSE(decodes(encode_index(example_key, many)));
}

TEST_CASE("wire format: damage is noticed") {
    const std::string good = encode_response(*example(), 0, {});
    REQUIRE(decodes(good));
    for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(decodes(good.substr(0, size)));
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const int flip : {0x01, 0x80, 0xff}) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ flip);
            CAPTURE(at);
            CHECK_FALSE(decodes(bad));
        }
    }
}

TEST_CASE("wire format: strict, even where the checksum is right") {
    const std::string good = unsealed(encode_response(*example(), 0, {}));
    REQUIRE(decodes(sealed(good)));
    const std::size_t status = 28, lifetime = status + 2 + 4 * 8, source = lifetime + 4 * 8,
                      fetch_time = source + 2 + 8, key = fetch_time + 8;
    struct Row {
        std::string name;
        std::size_t offset;
        std::string bytes;
    };
    const Row rows[] = {
        {"other magic", 0, "WEIS"},
        {"version of tomorrow", 4, "\x04"},
        {"version of yesterday", 4, "\x02"},
        {"no such kind", 5, std::string(1, '\0')},
        {"kind of a piece", 5, "\x03"},
        {"kind of an index", 5, "\x02"},
        {"reserved bytes used", 6, "\x01"},
        {"status below 100", status, std::string("\x63\0", 2)},
        {"negative lifetime", lifetime, std::string(8, '\xff')},
        {"lifetime that would overflow", lifetime + 7, "\x7f"},
        {"date that would overflow", lifetime - 9, "\x7f"},
        {"date before 1970", lifetime - 16, std::string(8, '\xff')},
        {"date after 2106", lifetime - 16, std::string("\0\0\0\0\1\0\0\0", 8)},
        {"no such source", source, "\x08"},
        {"no such flag", source + 1, "\x04"},
        {"negative fetch time", fetch_time, std::string(8, '\xff')},
        {"fetch time that would overflow", fetch_time + 7, "\x7f"},
        {"key longer than the record", key, "\xff\xff\xff\xff"},
        {"key a byte too long", key, std::string(1, static_cast<char>(example_key.size() + 1))},
        {"another key of the same length", key + 4, "X"},
        {"more content than there is", good.size() - 7 - 8, "\x08"},
        {"less content than there is", good.size() - 7 - 8, "\x06"},
        {"content size beyond everything", good.size() - 7 - 8, std::string(8, '\xff')},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string bad = good;
        bad.replace(row.offset, row.bytes.size(), row.bytes);
        CHECK_FALSE(decodes(sealed(bad)));
    }
    CHECK(decodes(sealed(std::string(good).replace(lifetime - 16, 8, std::string("\xff\xff\xff\xff\0\0\0\0", 8)))));
    CHECK_FALSE(decodes(sealed(good + '\0')));
    for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(decodes(sealed(good.substr(0, size))));
}

TEST_CASE("wire format: random bytes") {
    std::mt19937 random(1);
    const std::string seeds[] = {unsealed(encode_response(*example(), 3, {})),
                                 unsealed(encode_index(example_key, {.generation = 1, .vary = {.sets = {"a", "b"}}})),
                                 unsealed(encode_piece(*example(), 0, 7, 7, 0))};
    fuzz_one("");
    for (int i = 0; i < 20'000; ++i) {
        std::string input = seeds[random() % 3];
        for (unsigned changes = random() % 4; changes > 0; --changes)
            input[random() % input.size()] = static_cast<char>(random());
        if (random() % 4 == 0) input.resize(random() % input.size());
        fuzz_one(input);
    }
}
