"""One file from the first of several addresses that gives it whole, resumed where it was cut.

What has come so far lies in `<target>.part`, with `<target>.part.json` saying which address and
which version of its content it belongs to. A rest is asked for only by `If-Range` with a strong
ETag or a date (RFC 9110, sections 13.1.5 and 14.2); without one, or if the server sends the whole,
the download starts again. Only http and https are allowed.
"""

import http.client
import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import DataError, IntegrityError, bullet_list
from oilcan.ground.hashing import sha256 as sha256_of
from oilcan.io.batches.progress import Progress
from oilcan.version import VERSION

_CHUNK: Final = 1 << 18
_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_TRIES: Final = 100


@dataclass(frozen=True)
class Patience:
    """How long a server may be silent, and how often it is asked again without having sent more than before."""

    silence_s: float = 30.0
    tries: int = 5
    pause_s: float = 1.0                            # doubled after each try in vain


class _CutError(Exception):
    """The connection ended early; the rest may come."""


class _HopelessError(Exception):
    """An address that will not give the file."""


def download(urls: Sequence[str], target: Path, sha256: str | None, patience: Patience | None = None) -> None:
    """Download to `target`, which appears only when whole and of the wanted digest.

    Raises
    ------
    IntegrityError
        If the bytes are not the wanted ones; they are deleted.
    DataError
        If no address gives the file; what has come is kept and resumed next time.
    """
    failures, wrong_bytes = [], False
    for url in urls:
        try:
            _from_one_address(url, target, sha256, patience or Patience())
            return
        except IntegrityError as err:
            wrong_bytes = True
            failures.append(str(err))
        except _HopelessError as err:
            failures.append(f"{url}: {err}")
    if wrong_bytes:
        raise IntegrityError(bullet_list(
            "a download is not the file the contract was written for, and was deleted. If the source has published "
            "a new version, check it and change sha256 in the contract", failures))
    raise DataError(bullet_list(
        "no address gave the file. Try again (what has come is kept and resumed), or place the files by hand",
        failures))


def _from_one_address(url: str, target: Path, sha256: str | None, patience: Patience) -> None:
    part = target.with_name(f"{target.name}.part")
    resumed = _whole(url, part, patience)
    found = sha256_of(part)
    if sha256 and found != sha256 and resumed:      # what lay there before was no beginning of it
        _forget(part)
        _whole(url, part, patience)
        found = sha256_of(part)
    if sha256 and found != sha256:
        _forget(part)
        raise IntegrityError(f"{url}: other bytes (found sha256 {found}, wanted {sha256})")
    part.replace(target)
    _note(part).unlink(missing_ok=True)


def _whole(url: str, part: Path, patience: Patience) -> bool:
    """Ask until the file is whole; whether it began with bytes of an earlier run."""
    resumed = _resume_point(url, part)[0] > 0
    most, in_vain = 0, 0
    for _ in range(_MOST_TRIES):
        try:
            _ask_once(url, part, patience.silence_s)
            return resumed
        except _CutError as err:
            come = part.stat().st_size if part.exists() else 0
            in_vain = 0 if come > most else in_vain + 1
            most = max(most, come)
            if in_vain >= patience.tries:
                raise _HopelessError(f"{err}; {in_vain} tries in vain, {come:,} bytes kept") from err
            time.sleep(patience.pause_s * 2**in_vain)
    raise _HopelessError(f"cut off {_MOST_TRIES} times")


def _ask_once(url: str, part: Path, silence_s: float) -> None:
    start, version = _resume_point(url, part)
    headers = {"User-Agent": f"oilcan/{VERSION}", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the opener speaks http and https only
        with _OPENER.open(request, timeout=silence_s) as answer:
            _receive(answer, url, part, start)
    except urllib.error.HTTPError as err:
        err.close()
        if err.code == 416 and err.headers.get("Content-Range") == f"bytes */{start}":
            return                                  # it had come whole before the process was stopped
        if err.code == 416:
            _forget(part)
            raise _CutError("HTTP 416, started again") from err
        kind = _CutError if err.code in _WORTH_ANOTHER_TRY else _HopelessError
        raise kind(f"HTTP {err.code} {err.reason}") from err
    except urllib.error.URLError as err:
        kind = _HopelessError if isinstance(err.reason, ssl.SSLCertVerificationError) else _CutError
        raise kind(str(err.reason)) from err
    except (TimeoutError, ConnectionError, http.client.HTTPException) as err:
        raise _CutError(f"connection lost ({err or type(err).__name__})") from err


def _receive(answer: Any, url: str, part: Path, start: int) -> None:
    continues = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    if answer.status == 206 and not continues:
        _forget(part)
        raise _CutError("the server sent another range than asked for")
    start = start if continues else 0
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length and length.isdigit() else None
    _check_room(part, total, start)
    with part.open("ab" if continues else "wb") as stream:
        _note(part).write_text(json.dumps({"url": url, "version": _version(answer.headers)}), encoding="utf-8")
        with Progress(url.rpartition("/")[2] or url, total, start) as progress:
            while chunk := answer.read1(_CHUNK):    # returns what has come: a slow server shows, and is kept
                stream.write(chunk)
                progress.advance(len(chunk))
    if total is not None and part.stat().st_size != total:
        raise _CutError(f"cut off at {part.stat().st_size:,} of {total:,} bytes")


def _check_room(part: Path, total: int | None, start: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - start > free:
        raise DataError(f"{part.parent}: the download needs {total - start:,} bytes, free are {free:,}. Make room and "
                        f"try again.")


def _version(headers: Any) -> str | None:
    """What names this content for `If-Range`: a strong ETag, else a date; a weak ETag does not."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _resume_point(url: str, part: Path) -> tuple[int, str]:
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        size = part.stat().st_size
    except (FileNotFoundError, json.JSONDecodeError):
        return 0, ""
    return (size, note["version"]) if note.get("url") == url and note.get("version") else (0, "")


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https only: urllib's own opener would also follow file: and ftp:."""
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor, urllib.request.UnknownHandler,
    ):
        director.add_handler(handler())
    return director


_OPENER: Final = _opener()
