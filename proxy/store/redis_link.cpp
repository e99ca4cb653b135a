// Who frees what: hiredis frees its context within redisAsyncHandleRead, redisAsyncHandleWrite or redisAsyncFree, and
// calls the cleanup hook before it closes the descriptor. From then on context_ is null. Each wait holds the link, so
// that it is there when hiredis returns.
#include "proxy/store/redis_link.hpp"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <vector>

namespace proxy::store {
namespace {

// Of one reply. hiredis itself would gather whatever a peer sends.
constexpr std::size_t max_reply_size = 64u << 20;

}  // namespace

struct RedisLink::Hooks {
    static RedisLink& link(void* self) { return *static_cast<RedisLink*>(self); }

    static void add_read(void* self) { link(self).wait_readable(); }
    static void add_write(void* self) { link(self).flush_soon(); }
    static void nothing(void*) {}

    static void cleanup(void* self) {
        RedisLink& it = link(self);
        const std::string why = it.context_->err != 0 ? it.context_->errstr : "closed";
        it.descriptor_.release();
        it.closed(why);
    }

    static void on_connect(const redisAsyncContext* context, int status) {
        RedisLink& it = link(context->data);
        if (status != REDIS_OK || it.owner_ == nullptr) return;
        it.open_ = true;
        it.owner_->on_open();
    }

    static void on_reply(redisAsyncContext* context, void* reply, void*) {
        if (reply == nullptr) return;  // the connection is gone: cleanup tells
        RedisLink& it = link(context->data);
        --it.unanswered_;
        if (it.owner_ != nullptr) it.owner_->on_reply(std::move(*static_cast<Reply*>(reply)));
    }

    // Replies are made by the reader directly, in place of hiredis' own. One nobody asked for is an error here: hiredis
    // would end the process.
    static Reply* make(const redisReadTask* task, Reply::Type type) noexcept {
        Reply* reply = nullptr;
        if (task->parent != nullptr)
            reply = &static_cast<Reply*>(task->parent->obj)->elements.emplace_back();
        else if (link(task->privdata).unanswered_ > 0)
            reply = new Reply;
        if (reply != nullptr) reply->type = type;
        return reply;
    }

    static void* make_string(const redisReadTask* task, char* bytes, std::size_t size) noexcept {
        const Reply::Type type = task->type == REDIS_REPLY_ERROR    ? Reply::Type::error
                                 : task->type == REDIS_REPLY_STATUS ? Reply::Type::status
                                                                    : Reply::Type::string;
        Reply* const reply = make(task, type);
        if (reply != nullptr) reply->text.assign(bytes, size);
        return reply;
    }

    static void* make_array(const redisReadTask* task, int) noexcept { return make(task, Reply::Type::array); }

    static void* make_integer(const redisReadTask* task, long long value) noexcept {
        Reply* const reply = make(task, Reply::Type::integer);
        if (reply != nullptr) reply->integer = value;
        return reply;
    }

    static void* make_nil(const redisReadTask* task) noexcept { return make(task, Reply::Type::nil); }
    static void free_reply(void* reply) noexcept { delete static_cast<Reply*>(reply); }
};

RedisLink::RedisLink(Executor executor, Owner& owner) : executor_(executor), owner_(&owner), descriptor_(executor) {
    // hiredis writes by write(2), which knows no MSG_NOSIGNAL
    [[maybe_unused]] static const auto ignored = std::signal(SIGPIPE, SIG_IGN);
}

RedisLink::~RedisLink() { close(); }

void RedisLink::connect_tcp(const std::string& address, std::uint16_t port) {
    adopt(redisAsyncConnect(address.c_str(), port));
}

void RedisLink::connect_unix(const std::string& path) { adopt(redisAsyncConnectUnix(path.c_str())); }

void RedisLink::adopt(redisAsyncContext* context) {
    if (context == nullptr) return closed("out of memory");
    if (context->err != 0) {
        const std::string why = context->errstr;
        redisAsyncFree(context);
        return closed(why);
    }
    static redisReplyObjectFunctions functions{&Hooks::make_string, &Hooks::make_array, &Hooks::make_integer,
                                               &Hooks::make_nil, &Hooks::free_reply};
    context_ = context;
    context->c.reader->fn = &functions;
    context->c.reader->privdata = this;
    context->data = this;
    descriptor_.assign(context->c.fd);
    context->ev.data = this;
    context->ev.addRead = &Hooks::add_read;
    context->ev.delRead = &Hooks::nothing;
    context->ev.addWrite = &Hooks::add_write;
    context->ev.delWrite = &Hooks::nothing;
    context->ev.cleanup = &Hooks::cleanup;
    redisAsyncSetConnectCallback(context, &Hooks::on_connect);
}

void RedisLink::closed(const std::string& why) {
    context_ = nullptr;
    if (Owner* const owner = std::exchange(owner_, nullptr)) owner->on_closed(why);
}

void RedisLink::send(std::span<const std::string_view> arguments) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string_view argument : arguments) {
        texts.push_back(argument.data());
        sizes.push_back(argument.size());
    }
    ++unanswered_;
    redisAsyncCommandArgv(context_, &Hooks::on_reply, nullptr, static_cast<int>(texts.size()), texts.data(),
                          sizes.data());
}

void RedisLink::close() {
    owner_ = nullptr;
    if (context_ != nullptr) redisAsyncFree(context_);
}

std::size_t RedisLink::unsent() const noexcept { return context_ == nullptr ? 0 : sdslen(context_->c.obuf); }

void RedisLink::wait_readable() {
    if (std::exchange(reading_, true)) return;
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](boost::system::error_code error) {
                               self->reading_ = false;
                               if (!error && self->context_ != nullptr) self->read();
                           });
}

void RedisLink::read() {
    redisAsyncHandleRead(context_);
    if (context_ == nullptr || context_->c.reader->len <= max_reply_size) return;
    Owner* const owner = owner_;
    close();
    if (owner != nullptr) owner->on_closed("a reply is too large");
}

// Open and nothing left over from the last write: the descriptor takes more, no need to ask it.
void RedisLink::flush_soon() {
    if (std::exchange(writing_, true)) return;
    if (open_ && !flushing_) return asio::post(executor_, [self = shared_from_this()] { self->flush(); });
    descriptor_.async_wait(asio::posix::descriptor_base::wait_write,
                           [self = shared_from_this()](boost::system::error_code error) {
                               if (!error) self->flush();
                           });
}

void RedisLink::flush() {
    writing_ = false;
    if (context_ == nullptr) return;
    flushing_ = true;
    redisAsyncHandleWrite(context_);
    flushing_ = false;
}

}  // namespace proxy::store
