"""The array operations that every training and every scoring of mrdl is written against."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

SQUARES_KEPT, EPSILON = 0.999, 1e-8  # torch.optim.Adam's by default
LEAST_SQUARE = 1e-30  # the root of 0 and of denormal numbers would take many times as long

Array = Any
"""An engine's own kind of array: numpy.ndarray, or torch.Tensor. Both have shapes, slices, +, *, += and .T alike."""


Machine = tuple[Array, Array, Array]
"""The weight (hidden, visible), bias (hidden,) and visible bias (visible,) of a restricted Boltzmann machine."""


class Optimiser(Protocol):
    """A step of an optimiser. rate: the learning rate of the next step, which may be set between steps."""

    rate: Any

    @property
    def factor(self) -> Any:
        """What the gradients of the next step are multiplied by beforehand, as that may save a pass over all weights;
        a float, or an array that goes with them."""

    def __call__(self) -> None:
        """Change the parameters by the gradients that are there now, which it may write over."""


class Contrast(Protocol):
    """A step of contrastive divergence on a machine."""

    def __call__(self, before: tuple[Array, Array], after: tuple[Array, Array]) -> None:
        """Move the machine's arrays along the statistics of the data less those of the model.

        before, after: each the hidden means (n, hidden) and visible values (n, visible), of the data, and where the
        chains ended, which it may write over.
        """


class Engine(Protocol):
    """Array operations of one library on one device, in one precision; a name that ends in _ changes its first array.

    name: as the setting `engine` has it; device: cpu or cuda, where it computes; gather_bytes: of rows that are best
    gathered at once, 0 for one batch.

    Where `out` is given, the result is written there. Every engine gives the same values but for rounding, and by
    itself the same bytes on every machine of one kind.
    """

    name: str
    device: str
    gather_bytes: int

    # --- arrays ---

    def empty(self, shape: tuple[int, ...], like: Array | None = None) -> Array:
        """An array whose first value lies at a multiple of 64 bytes. like: has its type, else the precision's."""

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """An array of zeros that begins at a multiple of 64 bytes."""

    def total(self) -> Array:
        """A float64 of no dimension, 0, that sums are added to without waiting for them."""

    def array(self, values: "np.ndarray") -> Array:
        """The values as they are, in the memory of numpy's array where the device can read that."""

    def numpy(self, array: Array) -> "np.ndarray":
        """The values as an array of numpy, which may share the memory."""

    def view(self, flat: Array, start: int, shape: tuple[int, ...]) -> Array:
        """An array in the memory of a flat one, from `start` on; a matrix in the order that products are fastest in."""

    def copy(self, array: Array) -> Array:
        """A copy."""

    def double(self, array: Array) -> Array:
        """The values as float64."""

    def take(self, array: Array, rows: Array, out: Array | None = None) -> Array:
        """The rows at indices (n,)."""

    def columns(self, array: Array, places: Array) -> Array:
        """The columns at indices (n,)."""

    def put(self, x: Array, places: Array, values: Array) -> None:
        """Put values (n, k) at places (n, k) of the rows of x."""

    def whole(self, x: Array) -> Array:
        """The values as int64, their fractions cut off."""

    # --- products ---

    def affine(self, x: Array, weight: Array, bias: Array, out: Array | None = None) -> Array:
        """bias + x @ weight.T; x (n, nodes), weight (outputs, nodes)."""

    def product(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """a @ b, of matrices."""

    # --- elementwise ---

    def add(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """a + b."""

    def subtract(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """a - b."""

    def multiply(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """a * b."""

    def less(self, a: Array, b: Array, out: Array) -> Array:
        """1 where a is below b, else 0."""

    def sign(self, x: Array, out: Array) -> Array:
        """1 where x is above 0, -1 where it is below, else 0."""

    def clip(self, x: Array, least: float, most: float, out: Array) -> Array:
        """x, where it is between the two, else the nearer of them."""

    def is_nan(self, x: Array) -> Array:
        """Whether each value is nan."""

    def known_(self, x: Array, values: Any) -> None:
        """What is nan becomes `values`, one for all or one for each column, (columns,)."""

    def wave_(self, x: Array) -> None:
        """sin(2 pi x), of the fraction of x."""

    def relu_(self, x: Array) -> Array:
        """max(x, 0)."""

    def relu_backward_(self, delta: Array, out: Array) -> None:
        """The gradient by what relu took, from that by what it gave; out: what it gave."""

    def tanh_(self, x: Array) -> Array:
        """The hyperbolic tangent."""

    def tanh_backward_(self, delta: Array, out: Array) -> None:
        """As relu_backward_."""

    def sigmoid_(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""

    def sigmoid_backward_(self, delta: Array, out: Array) -> None:
        """As relu_backward_."""

    def softplus(self, x: Array) -> Array:
        """log(1 + exp(x))."""

    # --- sums ---

    def column_sums(self, x: Array, out: Array | None = None) -> Array:
        """The sum of each column, (columns,)."""

    def squared_error(self, a: Array, b: Array) -> Array:
        """The sum of (a - b)^2."""

    def inner(self, a: Array, b: Array) -> Array:
        """The sum of a * b."""

    def deviation(self, x: Array) -> Array:
        """The standard deviation of each column, (columns,) float64."""

    def logsumexp(self, x: Array) -> float:
        """log of the sum of exp(x), x (n,)."""

    def log_softmax(self, x: Array) -> Array:
        """Log-probabilities of each row."""

    def nll(self, sums: Array, wanted: Array, delta: Array, share: float, smoothing: float = 0.0) -> Array:
        """The summed negative log-likelihood of classes `wanted` (n,) by the last layer's sums (n, outputs), which may
        be written over; delta: is filled with its gradient by them, times share; smoothing: the part of each row that
        is of all outputs alike (Szegedy et al. 2016)."""

    def bce(self, sums: Array, wanted: Array, delta: Array, share: float) -> Array:
        """The summed binary cross-entropy of sigmoid(sums) to `wanted` (n, outputs); the rest as for `nll`."""

    # --- optimisers ---

    def sgd(self, values: Array, gradients: Array, rate: Any, momentum: float, decay: float = 0.0) -> Optimiser:
        """Stochastic gradient descent with momentum on a flat vector, (parameters,), or on many, (networks,
        parameters), with a rate for each, (networks, 1).

        decay: before each step the values are multiplied by 1 - rate * decay (Loshchilov and Hutter 2019)."""

    def adam(self, values: Array, gradients: Array, rate: Any, momentum: float, decay: float = 0.0) -> Optimiser:
        """Adam (Kingma and Ba 2015); momentum: its first beta; the rest as for `sgd`."""

    def contrast(self, machine: Machine, most_rows: int, rate: float, momentum: float, cost: float) -> Contrast:
        """Contrastive divergence with momentum, of a machine whose weight is one that `view` gave. most_rows: in a
        batch; cost: of the L2 penalty on the weight."""

    # --- chance, threads ---

    def generator(self, seed: int) -> Any:
        """A source of random numbers of the engine's own."""

    def uniform_(self, x: Array, generator: Any) -> Array:
        """Values drawn uniformly from [0, 1)."""

    def normal_(self, x: Array, generator: Any) -> Array:
        """Values drawn from the normal distribution of mean 0 and deviation 1."""

    def keep_(self, x: Array, share: float, generator: Any) -> Array:
        """1 / share with the probability of share, else 0: what dropout multiplies by."""

    def one_thread(self) -> AbstractContextManager[None]:
        """Inside, it computes on one thread: the rounding of sums depends on their number, and several tasks on one
        node whose threads spin cost ten times the training."""


Start = Callable[[Engine, Array, Array, Any, float, float], Optimiser]
"""start(engine, values, gradients, rate, momentum, decay) of an optimiser."""
