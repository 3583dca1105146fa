"""Spark packages of an environment: Maven coordinates that PySpark fetches when it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from environments.quoting import short
from studio.lib.refusal import Refused

VARIABLE = "PYSPARK_SUBMIT_ARGS"
"""Read by PySpark when a script starts a session of its own."""
_COORDINATE = re.compile(r"[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+){2,4}", re.ASCII)
_PLAIN_ADDRESS = re.compile(r"[!-~]+")
_MAX = 100


def spark_read(packages: Sequence[str], repositories: Sequence[str]) -> dict[str, list[str]]:
    """The part of a definition that Spark needs; {} when nothing is asked for.

    Raises:
        Refused: names the package or repository that cannot be used.
    """
    packages = list(dict.fromkeys(filter(None, map(str.strip, packages))))
    repositories = list(dict.fromkeys(filter(None, map(str.strip, repositories))))
    if max(len(packages), len(repositories)) > _MAX:
        raise Refused(f"{_MAX} Spark packages and repositories at most.", field="spark_packages")
    for package in packages:
        if not _COORDINATE.fullmatch(package):
            raise Refused(
                f"'{short(package)}' is no Spark package: write Maven coordinates, like "
                "org.apache.spark:spark-avro_2.13:4.0.0.",
                field="spark_packages",
            )
    for repository in repositories:
        _check_repository(repository)
    if repositories and not packages:
        raise Refused(
            "Spark repositories alone bring nothing: name the packages that come from there.",
            field="spark_repositories",
        )
    parts = {"packages": packages, "repositories": repositories}
    return {name: values for name, values in parts.items() if values}


def spark_variables(spark: Mapping[str, Any]) -> dict[str, str]:
    """What makes PySpark bring the packages along; {} without any."""
    packages, repositories = spark.get("packages"), spark.get("repositories")
    if not packages:
        return {}
    words = ["--packages", ",".join(packages)]
    words += ["--repositories", ",".join(repositories)] if repositories else []
    return {VARIABLE: " ".join([*words, "pyspark-shell"])}


def _check_repository(address: str) -> None:
    def wrong(what: str) -> Refused:
        return Refused(
            f"The Spark repository '{short(re.sub('//[^/@]*@', '//***@', address))}' {what}",
            field="spark_repositories",
        )

    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise wrong("is no address: write https://…") from error
    if parts.scheme != "https" or not parts.netloc:
        raise wrong("cannot be used: write an address that begins with https://.")
    if "@" in parts.netloc:
        raise wrong("has credentials in its address: remove them, for everybody can read it.")
    if "," in address or not _PLAIN_ADDRESS.fullmatch(address):
        raise wrong("has a comma, a space or a special character in its address: write it as %2C.")
