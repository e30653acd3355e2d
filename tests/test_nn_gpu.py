"""On a node with a GPU the same code trains there: equal bytes every time, and the network of the CPU to tolerance."""

import numpy as np
import pytest
import torch

from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.table import engine_of
from mrdl.nn.kinds import autoencoder, dbn, mlp, rbm
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard

pytestmark = pytest.mark.gpu
if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)


def train(arch, device, dtype=np.uint8, stage=-1, **about):
    rng = np.random.default_rng(3)
    features = rng.integers(0, 256, (2000, 64)).astype(dtype)
    targets = (features[:, :10].astype(np.int64).sum(1) // 300) % 10
    encoding = Encoding(np.zeros(64, np.float32), np.full(64, 1 / 255, np.float32))
    rows = Rows(features, targets, np.arange(2000), encoding)
    settings = Hyperparameters(3, 32, arch.stages[stage].learning_rate, 0.8, **about)
    rng = np.random.default_rng(1)
    return train_shard(
        arch, arch.initial_weights(0), rows, settings, rng, engine_of("torch", device), stage=arch.stages[stage]
    )


NETWORKS = {
    "mlp": mlp((64, 50, 10)),
    "mlp of tanh": mlp((64, 50, 10), "tanh"),
    "autoencoder": autoencoder((64, 30, 8)),
    "dbn": dbn((64, 30, 20, 10), "gaussian"),
    "unrolled dbn": dbn((64, 30, 8), fine_tune="autoencoder"),
}


@pytest.mark.parametrize("arch", NETWORKS.values(), ids=NETWORKS)
def test_training_on_a_gpu_gives_the_network_of_the_cpu_and_the_same_bytes_each_time(arch):
    on_cpu, cpu_metrics = train(arch, "cpu")
    first, metrics = train(arch, "cuda")
    second, _ = train(arch, "cuda")
    for name, weights in on_cpu.items():
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], weights, atol=2e-3)
    assert metrics["loss"] == pytest.approx(cpu_metrics["loss"], rel=1e-3)


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("about", [{}, {"cd_steps": 3}, {"persistent": True}], ids=["cd-1", "cd-3", "pcd-1"])
@pytest.mark.parametrize("arch", [rbm((64, 30, 20)), rbm((64, 30, 20), "gaussian")], ids=["binary", "gaussian"])
def test_a_machine_learns_as_well_on_a_gpu_and_with_the_same_bytes_each_time(arch, about, stage):
    """Other draws than on the CPU, so not the same weights."""
    on_cpu, cpu_metrics = train(arch, "cpu", stage=stage, **about)
    first, metrics = train(arch, "cuda", stage=stage, **about)
    second, _ = train(arch, "cuda", stage=stage, **about)
    for name, weights in on_cpu.items():
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], weights, atol=0.02)
    assert metrics["loss"] == pytest.approx(cpu_metrics["loss"], rel=0.05)
