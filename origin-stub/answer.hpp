#pragma once
// What a request is answered with. Nothing here does I/O: the clock is an argument.

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <string>
#include <string_view>

#include "origin-stub/content.hpp"
#include "origin-stub/knobs.hpp"
#include "origin-stub/request.hpp"
#include "origin-stub/versions.hpp"

namespace origin_stub {

struct Answer {
    http::response<http::empty_body> head;  // complete, the framing fields too
    Content content;                        // empty where method or status allow none
    bool chunked = false;                   // the content is sent in chunks
    bool keep_alive = true;                 // whether another request may follow
    milliseconds latency{0};
    Knobs knobs;  // for what happens while it is sent
};

// A short JSON answer without latency or knobs.
[[nodiscard]] Answer plain_answer(const Request& request, unsigned status, std::string json, sys_seconds now);

// {"error":"..."}
[[nodiscard]] Answer error_answer(const Request& request, unsigned status, std::string_view message, sys_seconds now);

// `/items/{key}`, `/versioned/{key}` and `/echo`, as their knobs ask; 404 for other paths, 400 for a wrong knob.
// The version is that of this moment, whatever the latency. POST /versioned/{key} raises it.
[[nodiscard]] Answer make_answer(const Request& request, Versions& versions, milliseconds default_latency,
                                 sys_seconds now);

// The path of a target in origin or absolute form; undecoded.
[[nodiscard]] std::string_view path_of(std::string_view target);

}  // namespace origin_stub
