"""The suite of a current librdkafka, the numbers that pass against Apache Kafka 4.3.1 on one node."""

import pytest

import sources
from librdkafka_test import run_number, runner, shim  # noqa: F401

JUDGE = f"librdkafka {sources.LIBRDKAFKA_NEW}"
BROKER = {"default_partitions": 4}
KAFKA = {"group_initial_rebalance_delay_ms": 0}
pytestmark = pytest.mark.slow

# All that need a broker but the share groups (0170 and above), those that need ACLs or SASL (0081 0109 0115 0119
# 0126 0135 0142) or Apache Kafka's beans (0016), known issues of the library itself (0028 0047 0055) and other brokers (0101).
NUMBERS = """0001 0002 0003 0005 0007 0008 0011 0012 0013 0014 0015 0017 0018 0019 0020 0021 0022 0026 0029 0030 0031
    0033 0034 0035 0036 0038 0039 0040 0041 0042 0044 0045 0048 0049 0050 0051 0052 0053 0054 0056 0057 0059 0060 0061
    0063 0064 0065 0067 0068 0069 0070 0073 0075 0076 0077 0082 0083 0084 0085 0086 0088 0089 0090 0091 0093 0094
    0097 0099 0103 0110 0112 0114 0118 0122 0123 0125 0127 0129 0130 0132 0137 0140""".split()


@pytest.fixture(scope="module")
def source():
    return runner(sources.librdkafka_new)


@pytest.mark.parametrize("number", NUMBERS)
def test_number(target, number, source, shim, tmp_path, record_property):  # noqa: F811
    run_number(target, number, source, shim, "4.3.0", tmp_path, record_property)
