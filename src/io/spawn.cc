#include "io/spawn.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "observe/log.h"

namespace freshet::io::detail {

std::string describe_failure(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code() == boost::asio::error::operation_aborted ? "" : error.what();
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

void log_failure(const std::string& name, const std::string& text) {
  static const Logger logger("io");
  logger.error("a background task failed", kv("task", name), kv("what", text));
}

}  // namespace freshet::io::detail
