"""The doors of programs that build on scikit-learn: Classifier, Regressor and Transformer, estimators of its kind."""

import dataclasses
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mrdl.api.training import train
from mrdl.data.inputs import features_of
from mrdl.data.labels import class_numbers
from mrdl.errors import ConfigError, DataError, brief, not_installed
from mrdl.model.model import Model, load
from mrdl.settings.config import TrainConfig

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise not_installed("mrdl.Classifier and its like need", "scikit-learn", "sklearn") from None

if TYPE_CHECKING:
    import pandas as pd

# settings that say what is learnt of which column, where a run is kept, and how a cluster is used
DECIDED_HERE = frozenset(
    {
        "label",
        "task",
        "header",
        "separator",
        "test",
        "run_dir",
        "cache_dir",
        "tasks",
        "wait_s",
        "python_bin",
        "mrjob_conf",
    }
)
OWN_DEFAULTS = {"shards": 1, "verbose": False}  # more shards only cost time where one process trains them all


def _init(**defaults: Any) -> Callable[..., None]:
    """Return an `__init__` that keeps each setting of TrainConfig under its name, as scikit-learn's cloning wants it.

    defaults: of the estimator, over mrdl's own.
    """
    fields = {f.name: f.default for f in dataclasses.fields(TrainConfig) if f.name not in DECIDED_HERE}
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
        for name, value in {**fields, **OWN_DEFAULTS, **defaults}.items()
    ]
    signature = inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD), *named])

    def __init__(self: Any, **settings: Any) -> None:
        bound = signature.bind(self, **settings)  # TypeError for a name that is no setting
        bound.apply_defaults()
        for parameter in named:
            setattr(self, parameter.name, bound.arguments[parameter.name])

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


class _Estimator(BaseEstimator):
    """What the estimators share: settings as parameters, a training in a folder that is removed, and their state."""

    model_: Model

    def _fit(self, table: "pd.DataFrame", label: str, task: str = "auto") -> None:
        """Train on a table; label, task: the settings, "none" for what has no label.

        Raises ConfigError for a kind that has one where this has none, or the other way round.
        """
        settings = self.get_params()
        show = bool(settings.pop("verbose"))
        with tempfile.TemporaryDirectory(prefix="mrdl-") as folder:
            settings |= {"label": label, "task": task, "run_dir": f"{folder}/run", "cache_dir": f"{folder}/shards"}
            config = TrainConfig().with_changes(settings)
            if config.supervised != (label != "none"):
                has, other = ("a", "Classifier or Regressor") if config.supervised else ("no", "Transformer")
                raise ConfigError(f"a network of kind {config.kind!r} has {has} label: take mrdl.{other}")
            model = train(table, config, show=show)
        self.model_ = dataclasses.replace(model, run_dir="")

    def _table(self, X: Any, *, fitting: bool = False) -> "pd.DataFrame":
        """Return rows as a DataFrame, checked as scikit-learn does it.

        Those of arrays are taken by their places, of which it warns where the network knows columns by name.
        """
        import pandas as pd

        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=fitting, skip_check_array=True)
            return X
        least = 2 if fitting else 1  # nothing is learnt of one row
        X = validate_data(self, X, reset=fitting, ensure_all_finite="allow-nan", ensure_min_samples=least)
        names = getattr(self, "feature_names_in_", [f"c{i}" for i in range(X.shape[1])])
        return pd.DataFrame(X, columns=names)

    def _given(self, ask: Callable[[Model, np.ndarray], np.ndarray], X: Any) -> np.ndarray:
        """Return what is asked of the model on raw rows, of each the same whatever rows stand beside it, by float64."""
        check_is_fitted(self)
        features = features_of(self._table(X), self.model_.preparation)
        return ask(dataclasses.replace(self.model_, double=True), features)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the network as the bytes of a model file."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = state["model_"].to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave; raises ModelError where the bytes are not those of a whole model."""
        state = dict(state)
        if "model_" in state:
            with tempfile.TemporaryDirectory(prefix="mrdl-") as folder:
                path = Path(folder) / "model.safetensors"
                path.write_bytes(state["model_"])
                state["model_"] = load(path)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """See scikit-learn: missing values are well."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Classifier(ClassifierMixin, _Estimator):
    """A network that learns classes, as an estimator of scikit-learn.

    Its parameters are the settings of TrainConfig by name, and `verbose`: whether progress is shown. It takes arrays
    and DataFrames, which may have words, dates and missing cells. After `fit` there are `classes_`, (classes,) sorted,
    and `model_`, the Model. A tenth of the rows is kept out of training unless `validation` is 0.

    Raises what `mrdl.train` raises: ConfigError and DataError are ValueErrors.

    mrdl.Classifier(hidden=[100], budget=20).fit(X, y).predict(X)
    """

    __init__ = _init(kind="mlp")
    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """Train on rows, (rows, columns), and the class of each, (rows,)."""
        table = self._table(X, fitting=True)
        if y is None:
            raise ConfigError("this Classifier requires y to be passed, but the target y is None")
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_consistent_length(table, labels)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        self._fit(_with_label(table, labels), "-1", "classify")
        self._outputs = class_numbers([str(name).strip() for name in self.classes_], self.model_.classes)
        if (self._outputs < 0).any():
            lost = self.classes_[self._outputs < 0][0]
            raise DataError(
                f"rows of class {brief(str(lost))} cannot be told: as text it is a missing value, or another"
            )
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (rows, classes) float32, in the order of `classes_`."""
        return self._given(Model.predict_proba, X)[:, self._outputs]

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row, (rows,): the most probable one, or as `decision` has it."""
        said = self._given(lambda model, rows: model.answers(rows)[0], X)
        return np.asarray(self.classes_[np.argsort(self._outputs)[said]])


class Regressor(RegressorMixin, _Estimator):
    """A network that learns numbers, as an estimator of scikit-learn.

    Its parameters are those of Classifier; loss: mse, mae or huber. `model_` is the Model.

    mrdl.Regressor(loss="huber").fit(X, y).predict(X)
    """

    __init__ = _init(kind="mlp")

    def fit(self, X: Any, y: Any) -> Self:
        """Train on rows, (rows, columns), and the number of each, (rows,), or several, (rows, targets)."""
        table = self._table(X, fitting=True)
        if y is None:
            raise ConfigError("this Regressor requires y to be passed, but the target y is None")
        numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(table, numbers)
        columns = numbers.reshape(len(numbers), -1).T
        for column in columns:
            table = _with_label(table, column)
        self._fit(table, ",".join(str(place) for place in range(-len(columns), 0)), "regress")
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the number of each row, (rows,) float64; of several targets (rows, targets)."""
        return self._given(Model.predict, X)

    def __sklearn_tags__(self) -> Any:
        """See scikit-learn: several numbers may be learnt."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _Estimator):
    """An autoencoder's code of rows, or the features of RBMs, as a transformer of scikit-learn.

    Its parameters are those of Classifier; kind: autoencoder, rbm, or dbn with fine_tune="autoencoder".

    mrdl.Transformer(nodes=[64, 100, 10]).fit_transform(X)  # (rows, 10) float32
    """

    __init__ = _init(kind="autoencoder", fine_tune="autoencoder")

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on rows, (rows, columns); y is not looked at."""
        table = self._table(X, fitting=True)
        self._fit(table, "none")
        arch = self.model_.arch
        self._n_features_out = arch.nodes[-1 if arch.code is None else arch.code]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the code or the features of rows, (rows, nodes of that layer) float32."""
        return self._given(Model.transform, X)

    def __sklearn_tags__(self) -> Any:
        """See scikit-learn: what comes out is float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _with_label(table: "pd.DataFrame", values: np.ndarray) -> "pd.DataFrame":
    """Return a table with one column more at its end, of a name that no other has. values: (rows,)."""
    name = "y"
    while name in table.columns:
        name += "_"
    return table.assign(**{name: values})
