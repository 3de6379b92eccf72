"""A real OPC UA server with a historian, in a thread: the tests may stop it and start it again."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.crypto.cert_gen import generate_private_key, generate_self_signed_app_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.history import HistoryDict, UaNodeAlreadyHistorizedError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

SPACE = "urn:oilcan:tests:plant"
PASSWORD = "of the plant"       # noqa: S105 - of a server that lives as long as a test


class Users:
    """Anybody without a name; `gateway` by its password."""

    def get_user(self, _server: object, username: str | None = None, password: str | None = None,
                 certificate: object = None) -> User | None:    # noqa: ARG002 - asyncua calls it by these names
        is_known = username is None or (username, password) == ("gateway", PASSWORD)
        return User(role=UserRole.User) if is_known else None


class Historian(HistoryDict):
    """Keeps values through restarts of the server, and answers while its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.asked = asyncio.Event(), 0
        self.gate.set()

    async def read_node_history(self, node_id: ua.NodeId, start: datetime | None, end: datetime | None,
                                nb_values: int) -> Any:
        self.asked += 1
        await self.gate.wait()
        return await super().read_node_history(node_id, start, end, nb_values)


class PlantServer:
    """Nodes `{machine}.{column}` in the namespace SPACE; what is written goes to subscribers and into the history."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"opc.tcp://127.0.0.1:{self.port}/plant"
        self.certificate, self.key = own_certificate(folder, "server", ExtendedKeyUsageOID.SERVER_AUTH)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server, self._history = Server(user_manager=Users()), Historian()
        self._do(self._made())

    async def _made(self) -> None:
        server = self._server
        await server.init()
        server.set_endpoint(self.url)
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity,
                                    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        await server.load_certificate(self.certificate)
        await server.load_private_key(self.key)
        server.iserver.history_manager.set_storage(self._history)
        self._space = await server.register_namespace(SPACE)
        await server.start()

    def add(self, machine: str, columns: Sequence[str], unit: str | None = None,
            example: Any = 0.0) -> None:
        """Nodes of a machine that hold such values, without one so far."""
        self._do(self._added(machine, columns, unit, example))

    async def _added(self, machine: str, columns: Sequence[str], unit: str | None, example: Any) -> None:
        for column in columns:
            node = self._node(machine, column)
            variable = await self._server.nodes.objects.add_variable(node, f"{machine}.{column}", example)
            with contextlib.suppress(UaNodeAlreadyHistorizedError):
                await self._history.new_historized_node(node, None)
            if unit is not None:
                named = ua.EUInformation(DisplayName=ua.LocalizedText(unit))
                await variable.add_property(ua.NodeId(f"{machine}.{column}.unit", self._space),
                                            ua.QualifiedName("EngineeringUnits", 0), named)
            waiting = ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData))
            await self._server.write_attribute_value(node, waiting)

    def write(self, machine: str, time: datetime | None, values: Mapping[str, Any], status: int = 0) -> None:
        """New values of a machine."""
        self._do(self._written(machine, time, values, status))

    async def _written(self, machine: str, time: datetime | None, values: Mapping[str, Any], status: int) -> None:
        for column, value in values.items():
            sent = ua.DataValue(ua.Variant(value), ua.StatusCode(status), SourceTimestamp=time)
            await self._server.write_attribute_value(self._node(machine, column), sent)
            if time is not None:
                await self._history.save_node_value(self._node(machine, column), sent)

    def remove(self, machine: str, columns: Sequence[str]) -> None:
        """The server forgets nodes; their history stays."""
        self._do(self._removed([self._node(machine, column) for column in columns]))

    async def _removed(self, nodes: Sequence[ua.NodeId]) -> None:
        for node in nodes:              # sessions that `stop` ended are still called otherwise, and asyncua warns of it
            self._server.iserver.aspace._nodes[node].attributes[ua.AttributeIds.Value].datachange_callbacks.clear()
        await self._server.delete_nodes([self._server.get_node(node) for node in nodes])

    def record(self, machine: str, time: datetime, values: Mapping[str, Any]) -> None:
        """Values that the historian has and no subscriber got."""
        for column, value in values.items():
            self._do(self._history.save_node_value(self._node(machine, column), ua.DataValue(
                ua.Variant(value), SourceTimestamp=time)))

    def _node(self, machine: str, column: str) -> ua.NodeId:
        return ua.NodeId(f"{machine}.{column}", self._space)

    @property
    def history_asked(self) -> int:
        """How often the history was asked for."""
        return self._history.asked

    def hold_history(self, *, is_held: bool) -> None:
        """Whether the history lets those who ask wait."""
        self._loop.call_soon_threadsafe(self._history.gate.clear if is_held else self._history.gate.set)

    def stop(self) -> None:
        """Every session is gone, and so are the queues of its subscriptions."""
        self._do(self._server.stop())

    def start(self) -> None:
        self._do(self._server.start())

    def close(self) -> None:
        self._do(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _ended(self) -> None:
        await self._server.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def own_certificate(folder: Path, name: str, use: Any) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = generate_private_key()
    names = [x509.UniformResourceIdentifier(f"urn:oilcan:tests:{name}"), x509.DNSName("localhost")]
    made = generate_self_signed_app_certificate(key, name, {}, names, [use])
    files = folder / f"{name}.pem", folder / f"{name}.key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
