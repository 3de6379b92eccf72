"""How raw tables become canonical ones: renamed, cast, in the contract's units; refused rows are stored apart."""

from oilcan.core.ingest.frames import Canonical, Examined, Malformed, RawPiece, RawTables
from oilcan.core.ingest.machine_groups import MachineGroups
from oilcan.core.ingest.run import examine, ingest

__all__ = ["Canonical", "Examined", "MachineGroups", "Malformed", "RawPiece", "RawTables", "examine", "ingest"]
