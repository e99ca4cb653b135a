// Asio's and Beast's non-template code, compiled once for the whole project (see the macros in CMakeLists.txt).

#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
