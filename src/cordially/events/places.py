"""Which country a time zone lies in."""

from __future__ import annotations

import phonenumbers
from babel.core import get_global

#: rules of a clock that no place is named by; the zone database counts some of them to one country of many
_NO_PLACE = frozenset(
    {"CET", "CST6CDT", "EET", "EST", "EST5EDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET"}
)


def country_of_zone(name: str) -> str:
    """ISO 3166 code of the place that the zone is named by; "" where there is none, as for UTC."""
    if name in _NO_PLACE:
        return ""
    territories, aliases = get_global("zone_territories"), get_global("zone_aliases")
    # what is no country has a code as well: ZZ, 001
    territory = str(territories.get(name) or territories.get(aliases.get(name, ""), ""))
    return territory if territory in phonenumbers.SUPPORTED_REGIONS else ""
