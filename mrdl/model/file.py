"""The header of a model file: all that it says beside the weights, written and read, and believed only when checked.

A file is of a stranger's hand until its digest fits, and may be forged even then: what comes out of `read` has the
types and sizes that the rest of mrdl builds on, or there is a ModelError.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

import mrdl
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.preparation import Preparation
from mrdl.data.targets import Targets
from mrdl.data.text.buckets import names_of
from mrdl.data.text.cells import is_readable
from mrdl.data.types import CATEGORY, ColumnType
from mrdl.errors import ModelError, MrdlError
from mrdl.nn.architecture import Architecture
from mrdl.nn.kinds import KINDS, build
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.weights import Weights, digest

FORMAT = "mrdl model 4"
MOST_BYTES = 8 << 20  # of a header; of a wide table it may be more, in proportion to the weights
TENSOR_BYTES = 16  # of header for each byte of tensors
SHOWN = 300  # characters of a message that quotes a stranger's file
SHARES = ("accuracy", "baseline", "balanced_accuracy", "auc")  # measures from 0 to 1 that people are shown
INPUTS = "inputs."  # of the names of the tensors that are no weights


def checksum(about: Mapping[str, Any], scaling: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over all that a model file says: the header, in it the weights' own digest, and the scaling."""
    said = {name: value for name, value in about.items() if name != "digest"}
    text = json.dumps([said, digest(scaling)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def described(arch: Architecture, preparation: Preparation) -> dict[str, Any]:
    """What a header says of all that predicts, but the weights and the scaling."""
    return {
        "kind": arch.kind,
        "nodes": arch.nodes,
        "options": dict(arch.options),
        "inputs": preparation.inputs.to_meta(),
        "types": [str(each) for each in preparation.types],
        "columns": preparation.columns,
        "label": preparation.label,
        "label_index": preparation.label_index,
        "dropped": preparation.dropped,
        "classes": preparation.classes,
        "class_rows": preparation.class_rows,
        "targets": preparation.targets.to_meta() if preparation.targets else None,
    }


def tensors_of(inputs: Inputs) -> Weights:
    """The arrays of the inputs as tensors of the file."""
    return {INPUTS + name: array for name, array in inputs.arrays().items()}


def sealed(about: Mapping[str, Any], scaling: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A header with its format, who wrote it, and the digest of all that. about: what CHECKS names, but the digest."""
    signed = {**about, "format": FORMAT, "version": mrdl.__version__}
    return {**signed, "digest": checksum(signed, scaling)}


def to_bytes(about: Mapping[str, Any], scaling: Weights, weights: Weights) -> bytes:
    """A model file; the same bytes for the same contents."""
    # one key: safetensors writes several in an order of its own
    text = json.dumps(sealed(about, scaling), sort_keys=True)
    return bytes(save({**weights, **scaling}, metadata={"mrdl": text}))


def read(name: str) -> tuple[dict[str, Any], Architecture, Preparation, Weights]:
    """What a model file says, the network that it is of, how rows are prepared for it, and its weights.

    Raises ModelError unless it is whole, of this format, and every part of it has the type and size that it should.
    """
    try:
        about, arch, tensors = _read(name)
    except FileNotFoundError:
        raise ModelError(f"no such model file: {name}") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{name} is not a model, or is damaged: {_short(error)}") from error
    except ModelError:
        raise
    except MrdlError as error:
        raise ModelError(f"{name}: {_short(error)}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{name} is damaged: its header cannot be read ({_short(error)})") from error
    arrays = {name: tensors.pop(INPUTS + name) for name in Inputs.ARRAYS}
    preparation = Preparation(
        columns=tuple(about["columns"]),
        label=about["label"],
        label_index=about["label_index"],
        classes=tuple(about["classes"]),
        inputs=Inputs.from_meta(about["inputs"], arrays),
        class_rows=tuple(about["class_rows"]),
        dropped=tuple(about["dropped"]),
        types=tuple(map(ColumnType.of, about["types"])),
        targets=Targets.from_meta(about["targets"]) if about["targets"] else None,
    )
    return about, arch, preparation, tensors


def _read(name: str) -> tuple[dict[str, Any], Architecture, Weights]:
    """The header, the network and the tensors of a file, each checked."""
    _check_length(name)
    with safe_open(name, framework="numpy") as file:
        metadata, names = file.metadata() or {}, set(file.keys())
        if "mrdl" not in metadata:
            raise ModelError(f"{name} is a safetensors file, but not a model of mrdl (no 'mrdl' in its header)")
        about = _checked(json.loads(metadata["mrdl"]), name)
        arch = _network(about, len(names), name)
        if others := [key for key in names if file.get_slice(key).get_dtype() != "F32"]:
            raise ModelError(f"{name} is damaged: {_short(others[0])} is not of float32")
        tensors = {key: file.get_tensor(key) for key in names}
    _check_tensors(about, arch, tensors, name)
    return about, arch, tensors


def _check_length(name: str) -> None:
    """Raise ModelError where the header is longer than one of mrdl can be: it is not worth being parsed."""
    size = os.path.getsize(name)
    with open(name, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= size - 8:
        raise ModelError(f"{name} is not a model, or is damaged: it has {size} bytes and no header")
    if length > max(MOST_BYTES, TENSOR_BYTES * (size - 8 - length)):
        raise ModelError(f"{name} is not a model: its header has {length / 1e6:.0f} MB")


# --- what it says ---


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.encode() or True)  # half a surrogate pair is a ValueError


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list(value: Any, check: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(check, value))


def _is_round(value: Any) -> bool:
    """The metrics of a round: numbers and words by name, and those that people are shown in their range."""
    return (
        isinstance(value, dict)
        and all(each is None or _is_number(each) or _is_text(each) for each in value.values())
        and all(_is_number(value[name]) for name in ("loss", *SHARES) if name in value)
        and all(not (value[name] < 0 or value[name] > 1) for name in SHARES if name in value)
        and _is_whole(value.get("validation_rows", 0))
        and ("accuracy" in value or "baseline" not in value)
    )


CHECKS: dict[str, Callable[[Any], bool]] = {
    "kind": _is_text,
    "nodes": lambda value: _is_list(value, lambda each: _is_whole(each) and each > 0) and len(value) > 1,
    "options": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "inputs": lambda value: isinstance(value, dict),
    "types": lambda value: _is_list(value, _is_text),
    "columns": lambda value: _is_list(value, _is_text),
    "label": _is_text,
    "label_index": lambda value: value is None or _is_whole(value),
    "dropped": lambda value: _is_list(value, _is_whole) and sorted(set(value)) == value,
    "classes": lambda value: _is_list(value, _is_text) and len(set(value)) == len(value),
    "class_rows": lambda value: _is_list(value, _is_whole),
    "targets": lambda value: value is None or Targets.is_meta(value),
    "settings": lambda value: isinstance(value, dict),
    "rounds": lambda value: _is_list(value, _is_round),
    "cut": lambda value: value is None or (_is_number(value) and 0 <= value <= 1),
    "lineage": lambda value: isinstance(value, dict),
    "sha256": _is_text,
    "digest": _is_text,
}


def _checked(about: Any, name: str) -> dict[str, Any]:
    """The header, if it is of this format and each part of it has its type."""
    if not isinstance(about, dict):
        raise ModelError(f"{name} is damaged: its header is no object")
    if about.get("format") != FORMAT:
        version = about.get("version", "earlier than 0.1.0")
        raise ModelError(
            f"{name} has format {_short(about.get('format'))}, expected {FORMAT!r}: "
            f"it was written by mrdl {_short(version)}, this is {mrdl.__version__}; train it again"
        )
    for key, check in CHECKS.items():
        if key not in about:
            raise ModelError(f"{name} is damaged: its header has no {key!r}")
        if not check(about[key]):
            raise ModelError(f"{name} is damaged: {key!r} in its header is {_short(about[key])}")
    return about


def _network(about: dict[str, Any], tensors: int, name: str) -> Architecture:
    """The network that the header tells of; tensors: their number, which the nodes must not exceed."""
    kind, nodes = about["kind"], about["nodes"]
    if kind not in KINDS:
        raise ModelError(
            f"{name} has network kind {_short(kind)}, expected one of {', '.join(KINDS)}; "
            "a kind of your own must be in mrdl.nn.kinds.KINDS before a model of it is loaded"
        )
    if 2 * len(nodes) > tensors:  # a weight and a bias for each layer, and the scaling
        raise ModelError(f"{name} is damaged: it has {len(nodes)} layers of nodes, but {tensors} tensors")
    arch = build(kind, nodes, about["options"])
    if list(arch.nodes) != nodes or dict(arch.options) != about["options"]:
        raise ModelError(f"{name} is damaged: {_short(nodes)} with {_short(about['options'])} is no {kind}")
    wanted, targets = LOSSES[arch.loss].wanted, about["targets"]
    if wanted is Wanted.CLASS and not 0 < len(about["classes"]) <= nodes[-1]:
        raise ModelError(f"{name} is damaged: it has {len(about['classes'])} classes for {nodes[-1]} nodes")
    of_targets = (Wanted.FLAGS if targets["flags"] else Wanted.NUMBERS) if targets else None
    if of_targets != (wanted if wanted in (Wanted.FLAGS, Wanted.NUMBERS) else None):
        raise ModelError(f"{name} is damaged: it has {'' if targets else 'no '}targets for a network of {wanted}")
    if targets and len(targets["names"]) != nodes[-1]:
        raise ModelError(f"{name} is damaged: it has {len(targets['names'])} targets for {nodes[-1]} nodes")
    places = targets["places"] if targets else []
    most = len(about["columns"]) + len(about["dropped"]) + max(0, len(places) - 1)
    if any(place > most for place in (*about["dropped"], about["label_index"] or 0, *places)):
        raise ModelError(f"{name} is damaged: it has a column number {_short(about['dropped'])} of {most}")
    if about["class_rows"] and len(about["class_rows"]) != len(about["classes"]):
        raise ModelError(f"{name} is damaged: it counts {len(about['class_rows'])} of {len(about['classes'])} classes")
    _check_columns(about, name)
    return arch


def _check_columns(about: dict[str, Any], name: str) -> None:
    """Raise ModelError unless the inputs and the types of columns are those of these columns."""
    columns = len(about["columns"])
    if not Inputs.is_meta(about["inputs"], columns):
        raise ModelError(f"{name} is damaged: 'inputs' in its header is {_short(about['inputs'])}")
    types = [ColumnType.of(text) for text in about["types"]]
    categories = {i for i, each in enumerate(types) if each.kind == CATEGORY}
    if categories != set(map(int, about["inputs"]["categories"])) or len(types) not in (0, columns):
        raise ModelError(f"{name} is damaged: it has {len(types)} types of {columns} columns")
    for i in categories:
        buckets, levels = types[i].buckets, about["inputs"]["categories"][str(i)]["levels"]
        if buckets and not set(levels) <= set(names_of(buckets)):
            raise ModelError(f"{name} is damaged: {_short(levels)} are no names of {buckets} buckets")
    if unknown := [each for each in types if not is_readable(each)]:
        raise ModelError(f"{name} is damaged: it has a column of type {_short(str(unknown[0]))}")


def _check_tensors(about: dict[str, Any], arch: Architecture, tensors: Weights, name: str) -> None:
    """Raise ModelError unless the tensors are those of the network, and those that were written."""
    columns, keys = len(about["columns"]), [INPUTS + each for each in Inputs.ARRAYS]
    for key in keys:
        if key not in tensors or tensors[key].shape != (columns,) or not np.isfinite(tensors[key]).all():
            raise ModelError(f"{name} is damaged: {key} is not {columns} finite numbers")
    width = Inputs.from_meta(about["inputs"], {each: tensors[INPUTS + each] for each in Inputs.ARRAYS}).width
    if width != arch.nodes[0]:
        raise ModelError(f"{name} is damaged: it has {width} inputs for {arch.nodes[0]} nodes")
    weights = {key: array for key, array in tensors.items() if key not in keys}
    arch.check(weights, "the model")
    if digest(weights) != about["sha256"]:
        raise ModelError(f"{name} is damaged: its weights are not those that were written")
    if checksum(about, {key: tensors[key] for key in keys}) != about["digest"]:
        raise ModelError(f"{name} is damaged: its header or its scaling is not what was written")


def _short(value: Any) -> str:
    """A stranger's words, in few of them."""
    text = str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."
