// The reference of the platform file, made from the registrations, so that it cannot disagree with
// what the loader does.
#pragma once

#include <string>

#include "config/section.h"

namespace freshet::config {

/// A Markdown page: one table of keys per map.
[[nodiscard]] std::string reference_markdown(const SectionInfo& root, const std::string& title);

/// The page of the platform file.
[[nodiscard]] std::string platform_reference();

/// Plain text about one key, such as "pipelines.rows.flush.after" (any name stands for a name), or
/// about the keys of a map; empty if there is no such key.
[[nodiscard]] std::string explain_key(const std::string& path);

}  // namespace freshet::config
