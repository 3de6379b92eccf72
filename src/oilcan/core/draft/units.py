"""What a column's name says about its unit and its meaning: guesses, marked as such."""

import re
from typing import Final

_SPELLINGS: Final = (
    "°C", "degC", "celsius", "K", "°F", "degF", "%", "bar", "mbar", "hPa", "Pa", "kPa", "MPa", "psi", "rpm", "1/min",
    "W", "kW", "MW", "kWh", "MWh", "Hz", "kHz", "V", "kV", "mV", "A", "mA", "kA", "ohm", "mm/s", "m/s", "m/s2", "m/s²",
    "g", "mm", "cm", "m", "km", "µm", "um", "m3/h", "m³/h", "l/min", "l/h", "L/min", "Nm", "N", "kN", "kg", "t", "s",
    "ms", "min", "h", "d", "km/h", "°", "deg", "rad", "ppm", "dB", "lx", "VA", "var", "l", "m3", "USD", "EUR",
)
_UNITS: Final = {spelling.lower(): spelling for spelling in _SPELLINGS}
_BEHIND: Final = re.compile(r"[ _](°C|degC|%|bar|mbar|Pa|kPa|MPa|rpm|1/min|kW|kWh|Hz|kHz|mV|kV|mA|mm/s|m/s|m/s2|mm|µm|"
                            r"m3/h|l/min|Nm|kN|kg|V|A|W|K|s|ms|h|km|km/h|psi|rms_mm_s|mm_s|m_s|celsius)$")
_BRACKETS: Final = re.compile(r"[\[(]([^\])]+)[\])]\s*$")
_BY_WORD: Final = (                 # word in a name -> the usual unit; only the first that fits
    (r"humid|feucht", "%"), (r"temp|heat|waerme|ambient", "degC"), (r"press|druck", "bar"),
    (r"speed|rpm|rotat|rotor|drehzahl|omega", "rpm"), (r"volt|spannung", "V"), (r"current|strom|amp(s|ere)?$", "A"),
    (r"power|leistung", "kW"), (r"vib|schwing", "mm/s"), (r"torque|moment", "Nm"), (r"flow|durchfluss|fluss", "m3/h"),
    (r"load|last|util|share|ratio|percent|level|duty", "%"), (r"force|kraft", "kN"), (r"freq", "Hz"),
    (r"age|alter", "years"), (r"odo|mileage|distance|kilomet", "km"), (r"hours|stunden|runtime", "h"),
    (r"count|cycles|number|anzahl|capacity|bytes", "1"),
)


def is_unit(text: str) -> bool:
    """Whether a word is a known unit.

    Examples
    --------
    >>> is_unit("mm/s"), is_unit("pump")
    (True, False)
    """
    return text.lower() in _UNITS


def unit_of(name: str, stated: str = "") -> tuple[str, bool]:
    """The unit of a number column, and whether it is only guessed.

    Parameters
    ----------
    name
        As it stands in the file.
    stated
        The cell of a row of units, if there is one.

    Examples
    --------
    >>> unit_of("Vibration [mm/s]"), unit_of("Öldruck_bar"), unit_of("oil temperature"), unit_of("s7")
    (('mm/s', False), ('bar', False), ('degC', True), ('1', True))
    """
    if stated.strip("[]() -"):
        return stated.strip("[]() "), False
    found = _BRACKETS.search(name) or _BEHIND.search(name)
    if found:
        return found[1], False
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower())
    return next((unit for word, unit in _BY_WORD if re.search(word, plain)), "1"), True


def described(name: str) -> str:
    """A name as words, for the description of its column.

    Examples
    --------
    >>> described("oilTemp_2 [degC]"), described("Process temperature")
    ('Oil temp 2', 'Process temperature')
    """
    words = re.sub(r"[\s_.\-]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", _BRACKETS.sub("", name))).strip()
    words = " ".join(word if word.isupper() else word.lower() for word in words.split())
    return (words[:1].upper() + words[1:]) or "Not named in the file"
