"""The part `opcua` of gateway.yaml: one OPC UA server, and which column of the contract each of its nodes is."""

import ipaddress
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import pydantic

from oilcan.ground.durations import PositiveDuration
from oilcan.ground.section import Section
from oilcan.params.operating.gateway_words import Column, Text

_PATH: Final = pydantic.Field(strict=False)
_NODE: Final = r"^((ns=\d+|nsu=[^;]+);)?[isgb]=.+$"


class SecurityRules(Section):
    """A signed connection, to the one server whose certificate this is; the files are PEM or DER.

    The password of the key, where it has one, is OILCAN_OPCUA_KEY_PASSWORD of the environment.
    """

    policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]
    mode: Literal["Sign", "SignAndEncrypt"]
    certificate: Annotated[Path, _PATH]
    key: Annotated[Path, _PATH]
    server_certificate: Annotated[Path, _PATH]


class NodeRules(Section):
    """One node, or one of each of some machines: `{machine}` in its name stands for the machine."""

    node: str = pydantic.Field(pattern=_NODE)
    machines: list[Text] = pydantic.Field(min_length=1)
    column: Column
    unit: Text | None                           # compared with the node's EngineeringUnits, where it has them

    @pydantic.model_validator(mode="after")
    def _names_each(self) -> "NodeRules":
        if len(self.machines) > 1 and "{machine}" not in self.node:
            raise ValueError("node: several machines need {machine} in the name of the node")
        return self

    def of(self, machine: str) -> str:
        """The name of the node of a machine."""
        return self.node.replace("{machine}", machine)


class OpcuaRules(Section):
    """One server and what is taken from it."""

    url: str = pydantic.Field(pattern=r"^opc\.tcp://[^@\s]+$")
    user: Text | None                           # its password is OILCAN_OPCUA_PASSWORD of the environment
    security: SecurityRules | None              # None: nothing is signed or encrypted
    unsecured: bool                             # whether that is wanted for a server on another computer, too
    sampling: PositiveDuration                  # the server looks at the nodes so often
    publishing: PositiveDuration                # it sends what it has seen so often
    queue: int = pydantic.Field(ge=1, le=100_000)   # values of a node that the server keeps while we do not answer
    history: PositiveDuration | None            # what was missed is read from the server's history; None: it has none
    timestamp: Literal["source", "server"]      # whose time of a value is the time of the reading
    spool: int = pydantic.Field(ge=1)           # readings on the disk that the service has not stored yet
    nodes: list[NodeRules] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _is_safe(self) -> "OpcuaRules":
        host = urlsplit(self.url).hostname or ""
        if self.security is None and not self.unsecured and not _is_here(host):
            raise ValueError(f"security: null sends everything to {host} unsigned and readable by anybody. Name "
                             f"certificates, or say `unsecured: true`")
        return self

    @pydantic.model_validator(mode="after")
    def _says_each_once(self) -> "OpcuaRules":
        pairs = [(rules.of(machine), machine, rules.column) for rules in self.nodes for machine in rules.machines]
        faults = [f"nodes: {node} is listed {count} times"
                  for node, count in Counter(node for node, _, _ in pairs).items() if count > 1]
        faults += [f"nodes: {column} of machine {machine} is listed {count} times"
                   for (machine, column), count in Counter(pair[1:] for pair in pairs).items() if count > 1]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def columns(self) -> set[str]:
        """Every column that a node is mapped to."""
        return {rules.column for rules in self.nodes}


def _is_here(host: str) -> bool:
    """Whether a host is this computer.

    Examples
    --------
    >>> [_is_here(host) for host in ("localhost", "127.1.2.3", "::1", "plc.plant", "10.0.0.7")]
    [True, True, True, False, False]
    """
    if re.fullmatch(r"[\d.]+|.*:.*", host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
