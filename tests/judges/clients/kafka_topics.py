"""What librdkafka's tests call kafka-topics.sh for: --create, --alter and --delete of one topic, and nothing else.

Kafka's own tool checks topic configs by itself before it asks a broker, and refuses what another broker may take.
"""

import argparse

from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap-server", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("--partitions", type=int, default=-1)
parser.add_argument("--replication-factor", type=int, default=-1)
parser.add_argument("--config", action="append", default=[])
for verb in ("create", "alter", "delete"):
    parser.add_argument(f"--{verb}", action="store_true")
options = parser.parse_args()

admin = AdminClient({"bootstrap.servers": options.bootstrap_server})
if options.create:
    configs = dict(entry.split("=", 1) for entry in options.config)
    done = admin.create_topics([NewTopic(options.topic, options.partitions, options.replication_factor,
                                         config=configs)])
elif options.alter:
    done = admin.create_partitions([NewPartitions(options.topic, options.partitions)])
else:
    done = admin.delete_topics([options.topic])
done[options.topic].result(20)
