"""Can these data carry a forecast? Checks of the contract and of what sensors mean.

Two passes over the partitions: `profile` learns what each sensor usually does, `inspect` finds what
does not go with it. `judge` adds up the fleet, and refuses it above the stated shares.
"""

from oilcan.core.quality.findings import Findings, inspect
from oilcan.core.quality.profile import Habits, Profile, learn_habits, profile
from oilcan.core.quality.scope import TABLES, Scope
from oilcan.core.quality.verdict import Verdict, judge

__all__ = ["TABLES", "Findings", "Habits", "Profile", "Scope", "Verdict", "inspect", "judge", "learn_habits", "profile"]
