"""On a node with a GPU the same code trains there: equal bytes every time, and the network of the CPU to tolerance."""

import numpy as np
import pytest
import torch

from mrdl.architecture import autoencoder, mlp
from mrdl.minibatch import Hyperparameters, Rows
from mrdl.trainer import train_shard

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def train(arch, device, dtype=np.uint8):
    rng = np.random.default_rng(3)
    features = rng.integers(0, 256, (2000, 64)).astype(dtype)
    targets = (features[:, :10].astype(np.int64).sum(1) // 300) % 10
    minimum, factor = np.zeros(64, np.float32), np.full(64, 1 / 255, np.float32)
    rows = Rows(features, targets, np.arange(2000), minimum, factor)
    settings = Hyperparameters(3, 32, arch.learning_rate, 0.8, device)
    return train_shard(arch, arch.initial_weights(0), rows, settings, np.random.default_rng(1))


@pytest.mark.parametrize("arch", [mlp((64, 50, 10)), autoencoder((64, 30, 8))], ids=["mlp", "autoencoder"])
def test_training_on_a_gpu_gives_the_network_of_the_cpu_and_the_same_bytes_each_time(arch):
    on_cpu, cpu_metrics = train(arch, "cpu")
    first, metrics = train(arch, "cuda")
    second, _ = train(arch, "cuda")
    for name, weights in on_cpu.items():
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], weights, atol=2e-3)
    assert metrics["loss"] == pytest.approx(cpu_metrics["loss"], rel=1e-3)
