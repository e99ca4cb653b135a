// Loaded into a program by LD_PRELOAD: counts how often any of its threads asks for memory, in the first 8 bytes of the
// file named by ALLOCATIONS_FILE, mapped, so that another process can read it. All of the program's and its libraries'
// allocations count, operator new and aligned_alloc too.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

// glibc's own, under the names that stay when these are replaced
extern "C" void* __libc_malloc(std::size_t);
extern "C" void* __libc_calloc(std::size_t, std::size_t);
extern "C" void* __libc_realloc(void*, std::size_t);
extern "C" void* __libc_memalign(std::size_t, std::size_t);

namespace {

std::atomic<std::uint64_t> before_mapping{0};
std::atomic<std::uint64_t>* allocations = &before_mapping;

void count() noexcept { allocations->fetch_add(1, std::memory_order_relaxed); }

[[gnu::constructor]] void map_counter() {
    const char* const file = std::getenv("ALLOCATIONS_FILE");
    const int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof(std::uint64_t)) != 0) std::abort();
    void* const mapped = mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) std::abort();
    close(fd);
    allocations = static_cast<std::atomic<std::uint64_t>*>(mapped);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
    count();
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) {
    count();
    return __libc_calloc(number, size);
}

void* realloc(void* memory, std::size_t size) {
    count();
    return __libc_realloc(memory, size);
}

void* memalign(std::size_t alignment, std::size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    *memory = memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}
}
