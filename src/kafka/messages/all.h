// Every message, for code that goes through all of them: tests, fuzzers, tools.
#pragma once

#include <tuple>

#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sync_group.h"

namespace freshet::kafka {

using AllMessages =
    std::tuple<ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse,
               DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest,
               DescribeConfigsResponse, DescribeGroupsRequest, DescribeGroupsResponse, FetchRequest,
               FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest,
               HeartbeatResponse, InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest,
               JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
               ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
               MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
               OffsetFetchResponse, ProduceRequest, ProduceResponse, SyncGroupRequest,
               SyncGroupResponse>;

}  // namespace freshet::kafka
