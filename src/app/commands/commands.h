// The commands: each adds itself, with its options and examples, to the tree. One file each.
#pragma once

#include <string>

namespace freshet::app {

class CommandTree;

void add_bench(CommandTree& tree);
void add_check(CommandTree& tree);
void add_consume(CommandTree& tree);
void add_dlq(CommandTree& tree);
void add_generate(CommandTree& tree);
void add_group(CommandTree& tree);
void add_pipeline(CommandTree& tree);
void add_produce(CommandTree& tree);
void add_repair(CommandTree& tree);
void add_sql(CommandTree& tree);
void add_topic(CommandTree& tree);
void add_up(CommandTree& tree);
void add_verify(CommandTree& tree);
void add_version(CommandTree& tree);

/// "freshet 0.1.0 (clang 19.1.7, librdkafka 2.0.2)"
[[nodiscard]] std::string version_line();

}  // namespace freshet::app
