// Which pipelines of a data directory are paused: what `freshet pipeline pause` says holds until
// `resume`, whatever happens to the process meanwhile.
//
//   <data dir>/state/paused/<pipeline>    is there: paused. Its text says since when, for people;
//                                         nobody reads it
//
// A mark is durable before the pipeline is told, and gone durably before it is told to go on. So
// after a crash at any moment the next start finds the pipeline as the command that returned left
// it; one that did not return may or may not have happened.
//
// Thread: any. The holder of the data directory's lock alone changes marks.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace freshet::app {

class PauseMarks {
 public:
  explicit PauseMarks(const std::filesystem::path& data_dir)
      : state_(data_dir / "state"), directory_(state_ / "paused") {}

  [[nodiscard]] bool is_set(const std::string& pipeline) const;
  /// Durable on return. Setting what is set, and clearing what is not, is done already.
  Result<void> set(const std::string& pipeline, const Clock& clock);
  Result<void> clear(const std::string& pipeline);

 private:
  const std::filesystem::path state_;
  const std::filesystem::path directory_;
};

}  // namespace freshet::app
