"""Reads from Hadoop's own configuration files where a cluster's services are."""

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from mrdl.errors import SetupError

HOW_TO = (
    "Set HADOOP_CONF_DIR to the folder with core-site.xml, or start a cluster on this machine:\n"
    '  mrdl hadoop start && eval "$(mrdl hadoop env)"'
)
VARIABLE = re.compile(r"\$\{([^}$\s]+)\}")


def conf_dir() -> Path:
    """Return the folder of Hadoop's configuration: HADOOP_CONF_DIR, HADOOP_HOME's, or /etc/hadoop/conf.

    Raises SetupError, with how to get one, where none of them has a core-site.xml.
    """
    home = os.environ.get("HADOOP_HOME")
    for folder in (os.environ.get("HADOOP_CONF_DIR"), home and f"{home}/etc/hadoop", "/etc/hadoop/conf"):
        if folder and (Path(folder) / "core-site.xml").exists():
            return Path(folder)
    raise SetupError(f"no Hadoop configuration was found. {HOW_TO}")


def read_conf(folder: Path) -> dict[str, str]:
    """Return all properties of the four site files by name, with ${...} put in.

    Raises SetupError for a file that is not XML. read_conf(conf_dir())["fs.defaultFS"]
    """
    found = {}
    for name in ("core", "hdfs", "yarn", "mapred"):
        path = folder / f"{name}-site.xml"
        if not path.exists():
            continue
        try:
            properties = ElementTree.parse(path).getroot().iter("property")
        except ElementTree.ParseError as error:
            raise SetupError(f"{path} is not XML: {error}") from error
        for item in properties:
            found[item.findtext("name", "").strip()] = item.findtext("value", "").strip()
    return {name: _expanded(value, found) for name, value in found.items()}


def _expanded(value: str, site: dict[str, str]) -> str:
    """Put properties in place of ${name}, variables in place of ${env.NAME}; leave what is unknown, as Hadoop does."""
    for _ in range(20):  # Hadoop's own limit
        name = next((n for n in VARIABLE.findall(value) if n in site or n.startswith("env.")), None)
        if name is None:
            break
        value = value.replace(f"${{{name}}}", site.get(name, os.environ.get(name.removeprefix("env."), "")))
    return value


def container_mb(site: dict[str, str]) -> int:
    """Return the memory that a map task takes of a node, in MB: YARN gives multiples of the least container."""
    values = [site.get("mapreduce.map.memory.mb", ""), site.get("yarn.scheduler.minimum-allocation-mb", "")]
    asked, least = (int(value) if value.isdigit() and int(value) else 1024 for value in values)
    return -(-asked // least) * least


def address_of(address: str | None, host: str, port: int) -> str:
    """Return host:port of an address as configured; 0.0.0.0 and an empty host mean the host of the service.

    address: None where it is not configured; host, port: the service's, Hadoop's default.
    """
    if not address:
        return f"{host}:{port}"
    found, _, given = address.partition(":")
    return f"{host if found in ('', '0.0.0.0') else found}:{given or port}"
