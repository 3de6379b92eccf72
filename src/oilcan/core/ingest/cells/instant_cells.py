"""How people write an instant: epochs, 24 o'clock, months in their language, UTC as a word.

Each function turns cells into what a strict parser reads; `instants` parses them.
"""

import re
import unicodedata
from typing import Final

import numpy as np
import pandas as pd

from oilcan.ground.time_units import ELAPSED_UNITS

EPOCHS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}   # microseconds in one of them
_FARTHEST_US: Final = 8.9e15                        # 2252, where a float still tells microseconds apart
_CLOCK_24: Final = r"(?<![\d+-])24(?=:00(?::00(?:[.,]0+)?)?(?![\d:.,]))"
_UTC_NAME: Final = r"\s*(?:UTC|GMT)$"
_WORD: Final = re.compile(r"[^\W\d_]+\.?")
_ENGLISH: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Full names; an abbreviation of three letters or more is recognised by its beginning, others are listed behind.
_MONTHS: Final = {
    "cs": "leden/ledna unor/unora brezen/brezna duben/dubna kveten/kvetna cerven/cervna cervenec/cervence srpen/srpna "
          "zari rijen/rijna listopad/listopadu prosinec/prosince",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "de": "januar/janner februar/feber maerz/marz/mrz april mai juni juli august september oktober november dezember",
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre diciembre",
    "fi": "tammikuu helmikuu maaliskuu huhtikuu toukokuu kesakuu heinakuu elokuu syyskuu lokakuu marraskuu joulukuu",
    "fr": "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nb": "januar februar mars april mai juni juli august september oktober november desember",
    "nl": "januari februari maart/mrt april mei juni juli augustus september oktober november december",
    "pl": "styczen/stycznia luty/lutego marzec/marca kwiecien/kwietnia maj/maja czerwiec/czerwca lipiec/lipca "
          "sierpien/sierpnia wrzesien/wrzesnia pazdziernik/pazdziernika listopad/listopada grudzien/grudnia",
    "pt": "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}


def from_epoch(numbers: pd.Series, unit: str) -> pd.Series:
    """Counts since 1970-01-01 UTC as instants to the microsecond; missing where they lie beyond year 2252.

    Examples
    --------
    >>> from_epoch(pd.Series([1704067200123.0]), "epoch_ms")[0].isoformat()
    '2024-01-01T00:00:00.123000+00:00'
    """
    micros = (numbers * EPOCHS[unit]).round()
    micros = micros.where(micros.abs() <= _FARTHEST_US)
    return pd.to_datetime(micros.astype("Int64"), unit="us", utc=True).astype("datetime64[us, UTC]")


def from_elapsed(numbers: pd.Series, unit: str) -> pd.Series:
    """Running time as instants to the microsecond, counted from 1970-01-01 UTC.

    Examples
    --------
    >>> from_elapsed(pd.Series([1.5]), "h")[0].isoformat()
    '1970-01-01T01:30:00+00:00'
    """
    micros = (numbers * ELAPSED_UNITS[unit]).round().astype("Int64")
    return pd.to_datetime(micros, unit="us", utc=True).astype("datetime64[us, UTC]")


def epoch_hint(text: pd.Series) -> str:
    """The `epoch_*` format that fits if the first cell is a bare count, by its number of digits; else nothing.

    Examples
    --------
    >>> epoch_hint(pd.Series(["1704067200000"])), epoch_hint(pd.Series(["2024-01-01"]))
    ('; is it `format: epoch_ms`?', '')
    """
    first = next(iter(text.dropna()), "")
    word = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}.get(len(first.partition(".")[0]))
    return f"; is it `format: {word}`?" if word and re.fullmatch(r"\d+(\.\d+)?", first) else ""


def without_hour_24(text: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """24:00 as 00:00, and on which rows a day is to be added.

    Examples
    --------
    >>> cells, later = without_hour_24(pd.Series(["31.12.2023 24:00", "2024-01-01T00:00"]))
    >>> cells.tolist(), later.tolist()
    (['31.12.2023 00:00', '2024-01-01T00:00'], [True, False])
    """
    later = text.str.contains(_CLOCK_24, regex=True, na=False)
    return text.mask(later, text.str.replace(_CLOCK_24, "00", regex=True)), later.to_numpy()


def utc_as_z(text: pd.Series) -> pd.Series:
    """` UTC` or ` GMT` behind an instant as `Z`.

    Examples
    --------
    >>> utc_as_z(pd.Series(["2024-01-01 00:00 UTC", "2024-01-01 00:00+01:00"])).tolist()
    ['2024-01-01 00:00Z', '2024-01-01 00:00+01:00']
    """
    return text.str.replace(_UTC_NAME, "Z", regex=True, case=False)


def english_months(text: pd.Series, locale: str) -> pd.Series:
    """Names of months, whole or shortened, as English ones of three letters; other words stay.

    Examples
    --------
    >>> english_months(pd.Series(["01-gen-2024", "3. Juillet 2024"]), "it").tolist()
    ['01-Jan-2024', '3. Juillet 2024']
    >>> english_months(pd.Series(["3. juil. 2024", "1 août 2024"]), "fr").tolist()
    ['3. Jul 2024', '1 Aug 2024']
    """
    known: dict[str, str] = {}

    def english(match: re.Match[str]) -> str:
        word = match[0]
        if word not in known:
            known[word] = _english(word, locale)
        return known[word]

    return text.str.replace(_WORD, english, regex=True)


def _english(word: str, locale: str) -> str:
    plain = unicodedata.normalize("NFKD", word.rstrip(".").lower()).encode("ascii", "ignore").decode()
    months = {at for at, names in enumerate(_MONTHS[locale].split())
              if len(plain) >= 3 and any(name.startswith(plain) for name in names.split("/"))}
    return _ENGLISH[months.pop()] if len(months) == 1 else word
