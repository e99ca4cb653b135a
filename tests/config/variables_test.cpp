#include "proxy/config/variables.hpp"

#include <doctest/doctest.h>

#include "proxy/config/values.hpp"
#include "tests/config/config_helpers.hpp"

namespace proxy::config {
namespace {

TEST_CASE("expand_variables") {
    const Environment environment = environment_of({{"HOST", "cache"}, {"EMPTY", ""}, {"DOLLAR", "x$"}});
    struct Row {
        std::string name;
        std::string text;
        const char* expected;
    };
    const Row rows[] = {
        {"nothing to do", "plain", "plain"},
        {"a variable", "redis://${HOST}:6379", "redis://cache:6379"},
        {"two", "${HOST}${HOST}", "cachecache"},
        {"empty is a value", "a${EMPTY}b", "ab"},
        {"a default that is not needed", "${HOST:-other}", "cache"},
        {"a default for an unset one", "${NONE:-other}", "other"},
        {"a default for an empty one", "${EMPTY:-other}", "other"},
        {"an empty default", "a${NONE:-}b", "ab"},
        {"a default with colons", "${NONE:-a:-b}", "a:-b"},
        {"a literal", "$${HOST}", "${HOST}"},
        {"a literal after a dollar", "$$${HOST}", "$${HOST}"},
        {"a value's dollar escapes nothing", "${DOLLAR}${HOST}", "x$cache"},
        {"a dollar alone", "a$b$", "a$b$"},
        {"values are not expanded again", "${HOST:-$}", "cache"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(expand_variables(row.text, environment) == row.expected);
        CHECK(expand_variables(escape_variables(row.text), environment) == row.text);
    }
}

TEST_CASE("expand_variables: what is wrong") {
    struct Row {
        std::string text;
        const char* problem;
    };
    const Row rows[] = {
        {"${NONE}", "the variable NONE is not set, expected a value for it or ${NONE:-default}"},
        {"a${NONE", "a variable begins but does not end, expected ${NAME}, or $${ for a literal ${"},
        {"${}", "\"${}\" names no variable, expected ${NAME} or ${NAME:-default}"},
        {"${1A}", "\"${1A}\" names no variable, expected ${NAME} or ${NAME:-default}"},
        {"${A-b}", "\"${A-b}\" names no variable, expected ${NAME} or ${NAME:-default}"},
        {"${A:-${B}}", "the default of A names another variable, expected plain text"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK_THROWS_WITH_AS((void)expand_variables(row.text, environment_of({})), row.problem, BadValue);
    }
}

}  // namespace
}  // namespace proxy::config
