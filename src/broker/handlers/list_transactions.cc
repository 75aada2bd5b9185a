#include "kafka/messages/list_transactions.h"

#include <algorithm>
#include <boost/regex.hpp>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

/// Longer ones are refused: nobody writes them, and matching costs.
constexpr size_t kPatternBytesMax = 1024;

/// A regular expression over whole ids; one that makes matching explode counts as no match.
class IdPattern {
 public:
  static std::optional<IdPattern> parse(const std::string& text) {
    if (text.size() > kPatternBytesMax) return std::nullopt;
    boost::regex parsed(text, boost::regex::perl | boost::regex::no_except);
    if (parsed.status() != 0) return std::nullopt;
    return IdPattern(parsed);
  }
  [[nodiscard]] bool matches(const std::string& id) const {
    try {
      return boost::regex_match(id, pattern_);
    } catch (const std::runtime_error&) {
      return false;
    }
  }

 private:
  explicit IdPattern(const boost::regex& pattern) : pattern_(pattern) {}
  boost::regex pattern_;
};

bool passes(const Transaction& transaction, const kafka::ListTransactionsRequest& request,
            int64_t now_ms) {
  const auto& states = request.state_filters;
  if (!states.empty() &&
      std::ranges::find(states, transaction_state_name(transaction.state)) == states.end()) {
    return false;
  }
  const auto& ids = request.producer_id_filters;
  if (!ids.empty() && std::ranges::find(ids, transaction.producer.id) == ids.end()) return false;
  if (request.duration_filter < 0) return true;
  return now_ms - transaction.started_ms > request.duration_filter;
}

}  // namespace

void handle_list_transactions(CallPtr call, kafka::ListTransactionsRequest request) {
  kafka::ListTransactionsResponse response;
  for (const std::string& name : request.state_filters) {
    if (!parse_transaction_state(name)) response.unknown_state_filters.push_back(name);
  }
  std::optional<IdPattern> pattern;
  if (request.transactional_id_pattern && !request.transactional_id_pattern->empty()) {
    pattern = IdPattern::parse(*request.transactional_id_pattern);
    if (!pattern) {
      response.error_code = ErrorCode::kInvalidRegularExpression;
      return call->answer(response);
    }
  }
  const int64_t now_ms = call->services().clock.wall().time_since_epoch().count();
  for (auto& [id, transaction] : call->services().transactions.list()) {
    if (!passes(transaction, request, now_ms) || (pattern && !pattern->matches(id))) continue;
    response.transaction_states.push_back(
        {id, transaction.producer.id, std::string(transaction_state_name(transaction.state))});
  }
  call->answer(response);
}

}  // namespace freshet::broker
