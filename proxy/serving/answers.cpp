#include "proxy/serving/answers.hpp"

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/upgrade.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/refresh.hpp"
#include "proxy/serving/worker.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

// Asks for something else than the whole stored response.
bool is_conditional(const rules::RequestHeader& request) {
    for (const rules::Field& field : request.fields) {
        switch (field.id) {
            case http::field::if_none_match:
            case http::field::if_modified_since:
            case http::field::range:
            case http::field::if_match:
            case http::field::if_unmodified_since: return true;
            default: break;
        }
    }
    return false;
}

}  // namespace

// One answer's: who never pipelines never needs more, and idle connections are many.
Answers::Answers() { generated_.reserve(max_generated_fields); }

bool Answers::has_room() const noexcept { return records_.size() < max_answers && buffers_.size() < 64; }

void Answers::add(const store::StoredPtr& response, const observe::ExchangeRecord& record, seconds age,
                  bool with_content, bool keep_alive, unsigned client_version) {
    const std::size_t from = generated_.size();
    append_generated_fields(generated_, record, age, response->freshness().lifetime - age, keep_alive, client_version);
    buffers_.push_back(asio::buffer(response->head()));
    buffers_.emplace_back(nullptr, generated_.size() - from);  // where they will lie is known when all are there
    if (with_content)
        rules::for_each_piece(*response, 0, response->content_size(),
                              [this](std::string_view piece) { buffers_.emplace_back(piece.data(), piece.size()); });
    held_.push_back(response);
    records_.push_back(record);
    records_.back().bytes_sent =
        response->head().size() + generated_.size() - from + (with_content ? response->content_size() : 0);
}

Awaitable<bool> Answers::send(ClientConnection& client, Worker& worker, Clock::time_point since) {
    boost::system::error_code ec;
    const char* generated = generated_.data();
    for (asio::const_buffer& buffer : buffers_) {
        if (buffer.data() != nullptr) continue;
        buffer = asio::const_buffer(generated, buffer.size());
        generated += buffer.size();
    }
    if (!records_.empty()) {
        std::span<asio::const_buffer> left(buffers_);
        ec = client.write_now(left);
        if (!ec && !left.empty()) ec = co_await client.write(left);
    }
    const auto total = Clock::now() - since;
    for (observe::ExchangeRecord& record : records_) {
        record.total = total;
        record.error = ec;
        worker.record(record);
    }
    buffers_.clear();
    generated_.clear();
    held_.clear();
    records_.clear();
    co_return !ec;
}

bool answer_from_memory(Worker& worker, ClientConnection& client, bool keep_alive, Answers& answers) {
    const rules::RequestHeader& request = client.request();
    const Route& route = worker.route_for(request);
    if (!route.config->cache || client.request_has_content() || !rules::may_look_up(request) || is_conditional(request))
        return false;
    if (worker.is_local(request.target) || !rules::offered_protocol(request, route.config->upgrade).empty())
        return false;

    std::string& key = worker.key_buffer();
    rules::primary_key(key, request, route.config->policy.key);
    if (key.size() > rules::max_primary_key) return false;
    const Time now = worker.now();
    const store::Mark mark = worker.node().purges.mark();
    const store::Found found = worker.node().memory.lookup(key, request, now);
    if (!found.response) return false;
    const rules::Reuse reuse = rules::decide_reuse(request, found.response.get(), false, now, route.config->policy);
    const auto* serve = std::get_if<rules::Serve>(&reuse);
    if (!serve) return false;

    observe::ExchangeRecord record;
    record.client = client.peer();
    record.method = request.method_text;
    record.authority = request.authority;
    record.target = request.target;
    record.outcome = observe::Outcome::hit;
    record.tier = observe::Tier::memory;
    record.status = found.response->status();
    answers.add(found.response, record, serve->age, request.method != http::verb::head, keep_alive, request.version);
    maybe_refresh_early(worker, route, request, key, found.response, mark);
    return true;
}

}  // namespace proxy::serving
