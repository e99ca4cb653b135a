// Everything but the constructor, the destructor and port() runs on the listener's own thread. The destructor closes
// what is open there; each coroutine then ends by itself, and run() returns when the last one has.

#include "proxy/admin/admin_listener.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <string>
#include <thread>
#include <unordered_set>

#include "proxy/async/executor.hpp"
#include "proxy/observe/log.hpp"
#include "proxy/rules/bearer_token.hpp"
#include "proxy/rules/http_date.hpp"

namespace proxy::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

using Stream = beast::basic_stream<asio::ip::tcp, Executor, beast::unlimited_rate_policy>;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::size_t max_connections = 64;
constexpr std::uint32_t max_header_size = 8u << 10;
constexpr std::uint64_t max_body_size = 1u << 10;
constexpr std::uint64_t max_purge_size = 1u << 20;
constexpr std::string_view purge_path = "/purge";

Response json_response(http::status status, std::string body) {
    Response response(status, 11, std::move(body));
    response.set(http::field::content_type, "application/json");
    return response;
}

Response failure(http::status status) {
    return json_response(status, R"({"error":")" + std::string(http::obsolete_reason(status)) + "\"}");
}

// What to tell a client whose request could not be read; empty where it is gone or too slow.
std::optional<Response> refusal(error_code error) {
    if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
    if (error == http::error::header_limit) return failure(http::status::request_header_fields_too_large);
    if (error == http::error::body_limit) return failure(http::status::payload_too_large);
    if (error.category() == make_error_code(http::error::end_of_stream).category())
        return failure(http::status::bad_request);
    return std::nullopt;
}

Response not_found(bool can_purge) {
    std::string body = R"({"error":"Not Found","endpoints":[)";
    std::vector<std::string_view> paths = Endpoints::paths();
    if (can_purge) paths.push_back(purge_path);
    for (std::string_view path : paths) body.append(1, '"').append(path).append("\",");
    body.back() = ']';
    return json_response(http::status::not_found, body + "}");
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view path_of(const Request& request) {
    const std::string_view target = view(request.target());
    return target.substr(0, target.find('?'));
}

Response from(LocalResponse local) {
    Response response(http::int_to_status(local.status), 11, std::move(local.body));
    response.set(http::field::content_type, local.content_type);
    return response;
}

bool is_well_formed(const Request& request) { return request.version() != 11 || request.count(http::field::host) == 1; }

Response answer(const Endpoints& endpoints, const Request& request, bool can_purge) {
    if (!is_well_formed(request)) return failure(http::status::bad_request);
    const std::string_view path = path_of(request);
    const auto& paths = Endpoints::paths();
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) return not_found(can_purge);
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        Response response = failure(http::status::method_not_allowed);
        response.set(http::field::allow, "GET, HEAD");
        return response;
    }
    std::optional<LocalResponse> local = endpoints.answer(path);
    if (!local) return not_found(can_purge);
    return from(std::move(*local));
}

// Any page that an operator's browser shows could post to an address that only the browser reaches.
bool is_of_foreign_page(const Request& request) {
    const std::string_view origin = view(request[http::field::origin]);
    return !origin.empty() && origin != "http://" + std::string(view(request[http::field::host]));
}

// Why the purge API may not be used; nothing where it may.
std::optional<Response> refuse_purge(const PurgeApi& api, const Request& request) {
    if (!is_well_formed(request)) return failure(http::status::bad_request);
    if (is_of_foreign_page(request))
        return from({.status = 403, .body = error_json("asked by a page of another origin")});
    const std::string_view authorization = view(request[http::field::authorization]);
    const std::shared_ptr<const Config> config = api.config();
    if (!config->admin.token.empty() && !rules::is_bearer_of(authorization, config->admin.token)) {
        Response response = from({.status = authorization.empty() ? 401u : 403u,
                                  .body = error_json("purging needs the token of admin.token")});
        if (authorization.empty()) response.set(http::field::www_authenticate, "Bearer");
        return response;
    }
    if (request.method() == http::verb::get || request.method() == http::verb::head ||
        request.method() == http::verb::post)
        return std::nullopt;
    Response response = failure(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD, POST");
    return response;
}

// The fields of every answer. An answer to HEAD has the fields of one to GET and no content, RFC 9110 §9.3.2.
void complete(Response& response, bool keep_alive, bool head) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    response.set(http::field::date, rules::format_http_date(now));
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(keep_alive);
    response.prepare_payload();
    if (head) response.body().clear();
}

}  // namespace

struct AdminListener::Impl {
    Impl(const Endpoint& listen, const Endpoints& served, std::chrono::milliseconds limit, const PurgeApi* api)
        : endpoints(served), purges(api), deadline(limit) {
        asio::ip::tcp::resolver resolver(context);
        const auto resolved =
            resolver.resolve(listen.host, std::to_string(listen.port), asio::ip::tcp::resolver::passive);
        const asio::ip::tcp::endpoint address = *resolved.begin();
        acceptor.open(address.protocol());
        acceptor.set_option(asio::socket_base::reuse_address(true));
        acceptor.bind(address);
        acceptor.listen();
        port = acceptor.local_endpoint().port();
        asio::co_spawn(context, accept_clients(), [](std::exception_ptr bug) { report(bug); });
        thread = std::thread([this] { context.run(); });
    }

    ~Impl() {
        asio::post(context, [this] { stop(); });
        thread.join();
    }

    void stop() {
        stopping = true;
        error_code ignored;
        acceptor.close(ignored);
        backoff.cancel();
        for (Stream* stream : open) stream->close();
        for (Timer* wait : waits) wait->cancel();
    }

    Awaitable<void> accept_clients() {
        while (!stopping) {
            auto [error, socket] = co_await acceptor.async_accept(as_result);
            if (stopping) co_return;
            if (error) {
                observe::log(LogLevel::warning, "admin listener cannot accept: " + error.message());
                backoff.expires_after(std::chrono::seconds{1});  // out of file descriptors, most likely
                co_await backoff.async_wait(as_result);
            } else if (open.size() < max_connections) {
                asio::co_spawn(context, serve(Stream(std::move(socket))), [](std::exception_ptr bug) { report(bug); });
            }
        }
    }

    Awaitable<void> serve(Stream stream) {
        const Registration<Stream> registration(open, stream);
        beast::flat_buffer buffer(max_header_size + max_body_size);
        bool keep_alive = true;
        while (keep_alive && !stopping) {
            http::request_parser<http::string_body> parser;
            parser.header_limit(max_header_size);
            parser.body_limit(purges ? max_purge_size : max_body_size);
            stream.expires_after(deadline);
            auto [error, read] = co_await http::async_read(stream, buffer, parser, as_result);

            const Request& request = parser.get();
            std::optional<Response> response;
            if (error)
                response = refusal(error);
            else if (purges && path_of(request) == purge_path)
                response = co_await answer_purge(request);
            else
                response = answer(endpoints, request, purges != nullptr);
            if (!response) co_return;
            keep_alive = !error && request.version() == 11 && request.keep_alive();
            complete(*response, keep_alive, !error && request.method() == http::verb::head);

            stream.expires_after(deadline);
            auto [write_error, written] = co_await http::async_write(stream, *response, as_result);
            if (write_error) co_return;
            if (error) co_await discard_rest(stream);
        }
    }

    Awaitable<std::optional<Response>> answer_purge(const Request& request) {
        if (std::optional<Response> refused = refuse_purge(*purges, request)) co_return refused;
        if (request.method() != http::verb::post) co_return from(purges->state());
        auto read = purges->read(request.body());
        if (auto* refused = std::get_if<LocalResponse>(&read)) co_return from(std::move(*refused));
        auto& purge = std::get<store::Purge>(read);
        const std::size_t things = purge.size();
        const std::optional<Result<std::uint64_t>> position = co_await await_purge(std::move(purge));
        co_return from(PurgeApi::answer(things, position));
    }

    // What a worker makes of it; nothing where it is stopping or hears of it too late.
    Awaitable<std::optional<Result<std::uint64_t>>> await_purge(store::Purge purge) {
        struct Wait {
            Timer timer;
            std::optional<Result<std::uint64_t>> position;
        };
        const auto wait = std::make_shared<Wait>(Wait{Timer(context, deadline), std::nullopt});
        const Registration<Timer> registration(waits, wait->timer);
        purges->purge(std::move(purge), [this, wait](Result<std::uint64_t> position) {
            asio::post(context, [wait, position] {
                wait->position = position;
                wait->timer.cancel();
            });
        });
        if (!stopping) co_await wait->timer.async_wait(as_result);
        co_return wait->position;
    }

    // What is unread when a socket is closed resets the connection, and the answer may be lost with it.
    Awaitable<void> discard_rest(Stream& stream) {
        error_code ignored;
        stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
        stream.expires_after(std::min(deadline, std::chrono::milliseconds{1'000}));
        std::array<char, 4096> rest{};
        for (;;) {
            auto [error, read] = co_await stream.async_read_some(asio::buffer(rest), as_result);
            if (error) co_return;
        }
    }

    // Whom the limit counts and the destructor closes.
    template <class T>
    struct Registration {
        Registration(std::unordered_set<T*>& all, T& one) : set(all), member(&one) { set.insert(member); }
        ~Registration() { set.erase(member); }
        Registration(const Registration&) = delete;
        Registration& operator=(const Registration&) = delete;
        std::unordered_set<T*>& set;
        T* member;
    };

    static void report(std::exception_ptr bug) {
        if (!bug) return;
        try {
            std::rethrow_exception(bug);
        } catch (const std::exception& exception) {
            observe::log(LogLevel::error, std::string("admin listener: ") + exception.what());
        }
    }

    const Endpoints& endpoints;
    const PurgeApi* const purges;
    const std::chrono::milliseconds deadline;
    asio::io_context context{1};
    Acceptor acceptor{context};
    Timer backoff{context};
    std::unordered_set<Stream*> open;
    std::unordered_set<Timer*> waits;
    bool stopping = false;
    std::uint16_t port = 0;
    std::thread thread;
};

AdminListener::AdminListener(const Endpoint& listen, const Endpoints& endpoints, std::chrono::milliseconds deadline,
                             const PurgeApi* purges)
    : impl_(std::make_unique<Impl>(listen, endpoints, deadline, purges)) {}

AdminListener::~AdminListener() = default;

std::uint16_t AdminListener::port() const { return impl_->port; }

}  // namespace proxy::admin
