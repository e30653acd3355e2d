"""Back ends that train one design after the other do what the sweep's table says."""

import pytest

from mrdl.data.dataset import prepare_data
from mrdl.errors import ConfigError
from mrdl.nn.backends.reference import with_numpy
from mrdl.nn.design import Design

# --- fixtures ---


@pytest.fixture
def data(small_csv):
    return prepare_data(str(small_csv), "answer", "auto", 0.2)


# --- back ends ---


def test_the_numpy_back_end_trains_what_the_table_says(data):
    losses = set()
    for name in ("he", "xavier", "default"):
        design = Design((8,), initialisation=name, optimizer="sgd", epochs=1)
        try:
            losses.add(with_numpy(design, data, lambda epoch, loss: None).loss)
        except ConfigError:
            losses.add(name)
    assert len(losses) == 3, "each initialisation is another training, or is refused"


@pytest.mark.parametrize("hidden", [(), (5,), (5, 5, 5), (8, 4, 2)])
@pytest.mark.parametrize("residual", [False, True])
def test_parameters_are_those_of_the_network(hidden, residual):
    from mrdl.nn.backends.single import architecture_of
    from mrdl.nn.net import build

    design = Design(hidden, residual=residual)
    arch = architecture_of(design, 7, 3)
    net = build(arch, arch.initial_weights(0))
    assert sum(p.numel() for p in net.parameters()) == design.parameters(7, 3)
