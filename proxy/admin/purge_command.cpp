#include "proxy/admin/purge_command.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <stdexcept>

#include "proxy/admin/purge_json.hpp"
#include "proxy/async/executor.hpp"
#include "proxy/config/problems.hpp"
#include "proxy/config/values.hpp"

namespace proxy::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Stream = beast::basic_stream<asio::ip::tcp, Executor, beast::unlimited_rate_policy>;

struct ListFlag {
    const char* name;
    std::vector<std::string> store::PurgeRequest::* member;
};

constexpr ListFlag list_flags[] = {{"--url", &store::PurgeRequest::urls},
                                   {"--surrogate-key", &store::PurgeRequest::surrogate_keys},
                                   {"--prefix", &store::PurgeRequest::prefixes},
                                   {"--host", &store::PurgeRequest::hosts}};

const std::vector<std::string> all_flags{"--admin",  "--token", "--soft",       "--url", "--surrogate-key",
                                         "--prefix", "--host",  "--everything", "--help"};

// `name`: of a flag that has_value.
void take_value(PurgeCommand& command, const std::string& name, const std::string& value) {
    if (name == "--admin") {
        command.admin = config::endpoint_from(value, "127.0.0.1");
    } else if (name == "--token") {
        command.token = value;
    } else {
        const auto flag = std::ranges::find(list_flags, name, &ListFlag::name);
        (command.request.*flag->member).push_back(value);
    }
}

bool has_value(std::string_view name) {
    return name == "--admin" || name == "--token" ||
           std::ranges::find(list_flags, name, &ListFlag::name) != std::end(list_flags);
}

bool take_switch(PurgeCommand& command, std::string_view name) {
    if (name == "--soft") return command.request.soft = true;
    if (name == "--everything") return command.request.everything = true;
    if (name == "--help") return command.help = true;
    return false;
}

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

Awaitable<Response> ask(Endpoint server, Request request, std::chrono::milliseconds deadline) {
    Resolver resolver(co_await asio::this_coro::executor);
    const auto addresses = co_await resolver.async_resolve(server.host, std::to_string(server.port), use_awaitable);
    Stream stream(co_await asio::this_coro::executor);
    stream.expires_after(deadline);
    co_await stream.async_connect(addresses, use_awaitable);
    co_await http::async_write(stream, request, use_awaitable);
    beast::flat_buffer buffer;
    Response response;
    co_await http::async_read(stream, buffer, response, use_awaitable);
    co_return response;
}

}  // namespace

PurgeCommand parse_purge_command(const std::vector<std::string>& arguments, const Environment& environment) {
    PurgeCommand command;
    if (const char* token = environment("WEIR_ADMIN_TOKEN")) command.token = token;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::size_t equals = arguments[i].find('=');
        const std::string name = arguments[i].substr(0, equals);
        if (has_value(name)) {
            if (equals == std::string::npos && ++i == arguments.size())
                throw std::runtime_error(name + ": has no value, expected one");
            const std::string value = equals == std::string::npos ? arguments[i] : arguments[i].substr(equals + 1);
            take_value(command, name, value);
        } else if (equals != std::string::npos || !take_switch(command, name)) {
            const std::string suggestion = config::did_you_mean(name, all_flags);
            throw std::runtime_error(name + ": unknown flag" +
                                     (suggestion.empty() ? "; weir purge --help lists them" : suggestion));
        }
    }
    const store::PurgeRequest& request = command.request;
    const bool names_something = request.everything || std::ranges::any_of(list_flags, [&](const ListFlag& flag) {
                                     return !(request.*flag.member).empty();
                                 });
    if (!names_something && !command.help)
        throw std::runtime_error("nothing is named, expected --url, --surrogate-key, --prefix, --host or --everything");
    return command;
}

std::string purge_help() {
    return "Usage: weir purge [flags]\n\n"
           "Removes stored responses on all nodes, by one of them.\n\n"
           "  --url URL             a URL with all its variants; all of these may be repeated\n"
           "  --surrogate-key KEY   what the origin has tagged so\n"
           "  --prefix URL          all URLs that begin so, such as http://www.example.org/blog/\n"
           "  --host NAME           all URLs of that host\n"
           "  --everything\n"
           "  --soft                stale rather than gone\n"
           "  --admin HOST:PORT     the admin listener of a node, by default 127.0.0.1:9180\n"
           "  --token TOKEN         its admin.token; better in the variable WEIR_ADMIN_TOKEN\n";
}

std::string run_purge_command(const PurgeCommand& command, std::chrono::milliseconds deadline) {
    const std::string address = config::endpoint_text(command.admin);
    Request request(http::verb::post, "/purge", 11);
    request.set(http::field::host, address);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::connection, "close");
    if (!command.token.empty()) request.set(http::field::authorization, "Bearer " + command.token);
    request.body() = purge_request_json(command.request);
    request.prepare_payload();

    asio::io_context context(1);
    Response response;
    std::exception_ptr failure;
    asio::co_spawn(context, ask(command.admin, std::move(request), deadline),
                   [&](std::exception_ptr thrown, Response answer) {
                       failure = thrown;
                       response = std::move(answer);
                   });
    context.run();
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
        throw std::runtime_error("no answer from " + address + ": " + error.code().message());
    }
    if (response.result() != http::status::ok)
        throw std::runtime_error(address + " answered " + std::to_string(response.result_int()) + ": " +
                                 response.body());
    return response.body();
}

}  // namespace proxy::admin
