// What an answer of ClickHouse's HTTP interface says besides its rows. Pure; any thread.
//
//   X-ClickHouse-Exception-Code   number of the error; its text is the body, possibly packed in the
//                                 compressed blocks that were asked for
//   X-ClickHouse-Exception-Tag    an error that comes after the first byte stands at the end of the
//                                 body: "\r\n__exception__\r\n<tag>\r\n<text><size> <tag>…", and
//                                 the connection is cut
//   X-ClickHouse-Summary          {"written_rows":"2",…}
//
// An answer without any X-ClickHouse- header comes from somebody else: a proxy, a login page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/http_client.h"

namespace freshet::warehouse {

/// The error that the answer carries; none for one of ClickHouse's with status 200. kUnavailable
/// for an answer that is not ClickHouse's, and for one that says that the request did not arrive as
/// it was sent (its number is then only in the text, for it says nothing about the rows). `from`
/// is for the message: "http://ch:8123".
[[nodiscard]] std::optional<Error> error_of_clickhouse_reply(const io::HttpReply& reply,
                                                             std::string_view from);

/// The error in what has come of a body, if there is one in it; `tag` is the header's, empty if
/// there was none.
[[nodiscard]] std::optional<Error> late_clickhouse_error(std::string_view plain,
                                                         std::string_view tag);

/// A number of the summary; 0 if it is not there.
[[nodiscard]] uint64_t summary_number(const io::HttpReply& reply, std::string_view name);

}  // namespace freshet::warehouse
