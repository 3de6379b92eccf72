"""Words of `source`: where the files of a data set come from, and under what licence."""

from typing import Annotated, Literal

import pydantic

from oilcan.contract.part import Part


class RawFile(Part):
    """A raw file the contract was written for."""

    path: str                                       # below data/raw/<name>/
    sha256: str | None = pydantic.Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Download(Part):
    """An official address; `unpack` says what it holds."""

    url: str = pydantic.Field(pattern=r"^https?://")
    mirrors: list[Annotated[str, pydantic.Field(pattern=r"^https?://")]] = []  # tried in this order after `url`
    sha256: str | None = pydantic.Field(default=None, pattern=r"^[0-9a-f]{64}$")  # absent: source.files pin it
    unpack: Literal["none", "zip", "gzip"] = "none"
    members: dict[str, str] = {}                    # path in the archive -> path below data/raw/<name>/
    path: str | None = None                         # for `none` and `gzip`: where the one file goes

    def targets(self) -> list[str]:
        """Paths below data/raw/<name>/ of the files that come out."""
        return list(self.members.values()) + ([self.path] if self.path else [])


class Query(Part):
    """A question to a database; its answer becomes a Parquet file that never changes."""

    path: str                                       # below data/raw/<name>/, ends in .parquet
    database: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")  # address in the environment: OILCAN_DATABASE_<NAME>
    sql: str = pydantic.Field(min_length=1)         # with ORDER BY, so that the same rows give the same bytes


class Source(Part):
    """Where the data come from, and under what licence they may be used."""

    licence: str
    homepage: str | None = None
    citation: str | None = None
    retrieved: str | None = None
    files: list[RawFile] = []
    downloads: list[Download] = []
    queries: list[Query] = []
