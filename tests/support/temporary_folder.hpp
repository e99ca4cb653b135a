#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tests {

// An empty folder that goes with the object, and all that is in it.
class TemporaryFolder {
 public:
    TemporaryFolder() {
        std::string path = (std::filesystem::temp_directory_path() / "weir-test-").string() + std::string(6, 'X');
        if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
        path_ = path;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

 private:
    std::filesystem::path path_;
};

}  // namespace tests
