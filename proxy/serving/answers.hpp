#pragma once
// Answers waiting to be sent in one gathered write: those of pipelined hits leave together.

#include <string>
#include <vector>

#include "proxy/observe/exchange_record.hpp"
#include "proxy/serving/client_connection.hpp"
#include "proxy/store/store.hpp"

namespace proxy::serving {

class Worker;

class Answers {
 public:
    Answers();

    [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
    [[nodiscard]] bool has_room() const noexcept;  // for one more

    // A stored response with its generated fields; `with_content`: not for HEAD. `has_room` is true.
    void add(const store::StoredPtr& response, const observe::ExchangeRecord& record, seconds age, bool with_content,
             bool keep_alive, unsigned client_version);

    // Writes them all and records each, measured from `since`. False where the client is gone.
    Awaitable<bool> send(ClientConnection& client, Worker& worker, Clock::time_point since);

 private:
    static constexpr std::size_t max_answers = 16;

    std::vector<asio::const_buffer> buffers_;  // null: so many bytes of generated_, in order
    std::string generated_;
    std::vector<store::StoredPtr> held_;
    std::vector<observe::ExchangeRecord> records_;
};

// Answers a fresh hit in the memory tier, whole, without waiting for anything. False: it takes more than that.
[[nodiscard]] bool answer_from_memory(Worker& worker, ClientConnection& client, bool keep_alive, Answers& answers);

}  // namespace proxy::serving
