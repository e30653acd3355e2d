"""One design of a sweep at a time, by torch, on a CPU or a GPU."""

import numpy as np
import torch

from mrdl.nn.architecture import Architecture
from mrdl.nn.backends.result import Report, Result
from mrdl.nn.backends.training import architecture_of, of_numbers, trained
from mrdl.nn.design import Design
from mrdl.nn.engines.torch_engine import TorchEngine
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.net import build
from mrdl.nn.rows import Dataset
from mrdl.nn.weights import Weights


def with_torch(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """Train a design on one thread or on a GPU by the engine of torch, otherwise as `with_numpy` does.

    device: auto, cpu or cuda. Initial weights and the order of rows are drawn on the CPU, the same for all devices.
    """
    generator, engine = torch.Generator().manual_seed(design.seed), TorchEngine(device)
    arch, count = architecture_of(design, data.columns, data.outputs, data.loss), len(data.train_x)
    start = initial_weights(design, arch, generator)
    dropout = generator if engine.device == "cpu" else engine.generator(design.seed)
    place = torch.device(engine.device)
    with engine.one_thread():

        def order() -> np.ndarray:
            return np.asarray(torch.randperm(count, generator=generator).numpy())

        net = build(arch, trained(design, data, report, engine, (arch, start), order, dropout)).to(place)
        x, y = (torch.from_numpy(np.asarray(array)).to(place) for array in (data.test_x, data.test_y))
        with torch.no_grad():
            out = net.logits(x)
            if not data.classes:
                return of_numbers(out.cpu().numpy(), data, place.type)
            loss = torch.nn.functional.cross_entropy(out, y)
    return Result(out.argmax(1).cpu().numpy(), float(loss), place.type)


def initial_weights(design: Design, arch: Architecture, generator: torch.Generator) -> Weights:
    """Draw the weights that a design starts with: those that torch.nn.Linear draws, drawn once more where its
    initialisation is another one.

    generator: is left as torch's own would be after that, so that it goes on with the order of rows.
    """
    weights = {name: torch.empty(shape) for name, shape in arch.shapes().items()}
    layers = [(weights[f"layers.{i}.weight"], weights[f"layers.{i}.bias"]) for i in range(len(arch.nodes) - 1)]
    for name in dict.fromkeys(("default", design.initialisation)):
        bounds = INITIALISATIONS[name]
        for weight, bias in layers:
            fan_out, fan_in = weight.shape
            bound, of_bias = bounds.weight(fan_in, fan_out, arch.gain), bounds.bias(fan_in)
            weight.uniform_(-bound, bound, generator=generator)
            if of_bias:
                bias.uniform_(-of_bias, of_bias, generator=generator)
            else:
                bias.zero_()
    return {name: tensor.numpy() for name, tensor in weights.items()}
