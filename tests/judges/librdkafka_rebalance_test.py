"""The one number of librdkafka's suite that counts rebalances: it expects the pause that Kafka makes by default."""

import pytest

from librdkafka_test import JUDGE, run_number, shim, source  # noqa: F401

BROKER = {"default_partitions": 4, "initial_rebalance_delay": 3000}


@pytest.mark.slow
@pytest.mark.parametrize("number", ["0102"])
def test_number(target, number, source, shim, tmp_path, record_property):  # noqa: F811
    run_number(target, number, source, shim, "4.0.0", tmp_path, record_property)
