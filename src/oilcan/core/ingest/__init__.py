"""How raw tables become canonical ones: renamed, cast, in the contract's units; refused rows are stored apart."""

from oilcan.core.ingest.frames import Canonical, Examined, Malformed, RawPiece, RawTables
from oilcan.core.ingest.run import examine, ingest, machine_groups

__all__ = ["Canonical", "Examined", "Malformed", "RawPiece", "RawTables", "examine", "ingest", "machine_groups"]
