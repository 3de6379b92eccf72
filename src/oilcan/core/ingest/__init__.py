"""How raw tables become canonical ones: renamed, cast, in the contract's units, refused rows kept aside."""

from oilcan.core.ingest.frames import Canonical, Malformed, RawPiece, RawTables
from oilcan.core.ingest.run import ingest, machine_groups

__all__ = ["Canonical", "Malformed", "RawPiece", "RawTables", "ingest", "machine_groups"]
