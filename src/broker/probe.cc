#include "broker/probe.h"

#include <string>

namespace freshet::broker {

namespace {

constexpr const char* kLoginsFailed =
    "Clients that were turned away in the TLS handshake or by SASL; a rise means a client with old "
    "credentials, or somebody who guesses.";

}  // namespace

BrokerProbe::BrokerProbe(MetricRegistry& metrics)
    : bytes_in_(metrics.counter("freshet_broker_received_bytes_total",
                                "Bytes of requests; a rise is more load from clients.")),
      bytes_out_(metrics.counter("freshet_broker_sent_bytes_total",
                                 "Bytes of responses; a rise is more reading by clients.")),
      connections_(metrics.gauge("freshet_broker_connections", "Open client connections.")),
      refused_(metrics.counter("freshet_broker_connections_refused_total",
                               "Connections closed for what they sent, did not read, or because "
                               "there were too many; a rise means a broken or hostile client.")),
      tls_failed_(
          metrics.counter("freshet_broker_logins_failed_total", kLoginsFailed, {{"where", "tls"}})),
      sasl_failed_(metrics.counter("freshet_broker_logins_failed_total", kLoginsFailed,
                                   {{"where", "sasl"}})),
      request_memory_(metrics.gauge("freshet_broker_request_memory_bytes",
                                    "Bytes of requests received and not yet answered.")) {
  for (const kafka::ApiInfo& api : kafka::kApis) {
    const MetricLabels labels{{"api", std::string(api.name)}};
    apis_[static_cast<size_t>(api.key)] = {
        &metrics.counter("freshet_broker_requests_total", "Requests answered; a rise is more load.",
                         labels),
        &metrics.histogram("freshet_broker_request_seconds",
                           "From the last byte of a request to its answer; Fetch and "
                           "JoinGroup wait on purpose, a rise elsewhere is slow disk.",
                           latency_buckets(), labels)};
  }
  for (size_t i = 0; i < groups_.size(); ++i) {
    groups_[i] =
        &metrics.gauge("freshet_broker_groups", "Consumer groups by state.",
                       {{"state", std::string(group_state_name(static_cast<GroupState>(i)))}});
  }
}

void BrokerProbe::request_answered(kafka::ApiKey api, std::chrono::nanoseconds took) {
  const Api& series = apis_[static_cast<size_t>(api)];
  series.requests->increment();
  series.seconds->observe(std::chrono::duration<double>(took).count());
}

}  // namespace freshet::broker
