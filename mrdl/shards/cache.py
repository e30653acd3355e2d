"""The cache of shards: text parsed once is not parsed again, by a later round or by a later run.

Its folder bears a digest of all that decides what lies in it, and gets that name when all is there:

    <digest>/0000/part-*    the packed shards, as step 1 of the first job wrote them
    <digest>/prepared       the statistics of the data, the validation rows, the warm start's rows
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mrdl.data.hashing import FEW
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics
from mrdl.errors import DamagedShard, DataError, SetupError
from mrdl.settings.config import TrainConfig
from mrdl.settings.decides import DATA
from mrdl.settings.samples import SAMPLE_BYTES, rows_within
from mrdl.settings.user_code import code_of
from mrdl.shards import records
from mrdl.shards.keys import VALIDATION_ROWS
from mrdl.shards.loaded import LoadedShard
from mrdl.shards.records import Tag
from mrdl.storage.store import is_hdfs, store_of

log = logging.getLogger(__name__)

FORMAT = "4"  # change it when what lies in a cached shard changes
NO_LIMIT = 1 << 50


@dataclass(frozen=True)
class Prepared:
    """The data as the driver knows it when its shards are there.

    statistics: of all rows; validation: the rows kept out of training, or a sample of them; sample: the rows of the
    warm start, empty where nobody wants them.
    """

    statistics: Statistics
    validation: LoadedShard
    sample: LoadedShard


def told_kept_out(validation: LoadedShard) -> str:
    """Return in words where the rows kept out tell little, as they are none, or copies of few; "" where they do."""
    rows, different = len(validation.hashes), len(np.unique(validation.hashes))
    together = "rows that are alike in all cells are kept out together"
    if not rows:
        return f"no row was kept out ({together}): no score tells what the network is worth, --test DATA does"
    if different < FEW and rows >= 2 * different:
        return f"the {rows:,} rows kept out are copies of {different} ({together}): their score tells little"
    return ""


class ShardCache:
    """Keeps the shards of one data set, prepared in one way.

    folder: local or hdfs://; prepared: the file in it that tells of the data.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._store = store_of(folder)
        self.prepared = f"{folder}/prepared"

    def load(self, with_sample: bool = True) -> Prepared | None:
        """The prepared data; None where there is none, or what is there is damaged: then it is deleted.

        with_sample: whether the warm start's rows are wanted, too.
        """
        if not self._store.exists(self.prepared):
            return None
        try:
            return prepared_from(records.lines_of(self._store.chunks(self.prepared)), with_sample)
        except DamagedShard as error:
            log.warning("the cache %s is made again: %s", self.folder, error)
            self._store.remove(self.folder)
            return None

    def shards(self) -> list[str]:
        """The files of packed shards; raises DamagedShard where there are none."""
        try:
            return [info.path for info in self._store.files(f"{self.folder}/0000")]
        except DataError as error:
            raise DamagedShard(str(error)) from error

    def unfinished(self, tag: str) -> str:
        """The folder that the first job of a run writes to, until it is complete."""
        return f"{self.folder}.{tag}"

    def make_room(self) -> None:
        """Make the folder that caches lie in, if it is not there, for this user alone: shards are the user's data."""
        home = self.folder.rpartition("/")[0]
        try:
            self._store.mkdir(home)
            if not is_hdfs(home) and not os.access(home, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if not is_hdfs(home) and not os.path.isdir(home):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        except OSError as error:
            raise SetupError(f"the cache folder {home} cannot be written: {error.strerror}. Use --cache-dir") from error

    def keep(self, tag: str, lines: Iterable[bytes]) -> None:
        """Complete the folder that the first job of a run wrote, and give it its name.

        lines: the records that tell of the data.
        """
        unfinished = self.unfinished(tag)
        self._store.write(f"{unfinished}/prepared", [part for line in lines for part in (line, b"\n")])
        if self._store.exists(self.folder) and not self._store.exists(self.prepared):
            self._store.remove(self.folder)  # of one that was never complete: a whole one comes at once
        if not self._store.exists(self.prepared):
            try:
                self._store.rename(unfinished, self.folder)
                return
            except OSError:
                if not self._store.exists(self.prepared):
                    raise
        self._store.remove(unfinished)  # another run was faster; what it left is the same

    def remove(self) -> None:
        """Delete the shards."""
        self._store.remove(self.folder)

    def abandon(self, tag: str) -> None:
        """Delete the folder that a run has begun and not completed."""
        self._store.remove(self.unfinished(tag))


def prepared_from(lines: Iterable[bytes], with_sample: bool = True) -> Prepared:
    """The prepared data of the records that tell of it; raises DamagedShard where one is missing.

    with_sample: whether the warm start's rows are unpacked.
    """
    statistics = None
    validation: list[bytes] = []
    sample: list[bytes] = []
    for line in lines:
        _, value = records.split_line(line)
        tag = Tag.of(value)
        if tag is Tag.VALIDATION_ROWS:
            validation.append(line)
        elif tag is Tag.WARM_ROWS and with_sample:
            sample.append(line)
        elif tag is Tag.STATISTICS:
            statistics = records.to_statistics(*records.unpack(value)[1:])
    if statistics is None:
        raise DamagedShard("nothing tells what the data is like")
    kept_out = LoadedShard(validation, NO_LIMIT)
    most = rows_within(SAMPLE_BYTES, len(statistics.minimum), VALIDATION_ROWS)
    if len(kept_out.order) != min(most, statistics.validation_rows):
        raise DamagedShard(f"{len(kept_out.order)} validation rows, of {statistics.validation_rows} in all")
    return Prepared(statistics, kept_out, LoadedShard(sample, NO_LIMIT))


def shard_cache(source: Source, config: TrainConfig, home: str, job_class: type) -> ShardCache:
    """The cache for a data set, as these settings and this job prepare it.

    home: the folder of caches, local or hdfs://, where the settings name none.
    """
    decides = [
        FORMAT,
        source.identity()["sha256"],
        config.digest((DATA,)),
        [config.sample_rows(len(source.schema.places)) if config.warm_rows else 0, config.samples],
        source.schema.to_meta(),
        job_class.__qualname__,
        code_of(job_class).digests,
    ]
    name = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:24]
    return ShardCache(f"{(config.cache_dir or '').rstrip('/') or home}/{name}")
