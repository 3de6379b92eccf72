"""One session with an OPC UA server: what of its address space, history and subscriptions readings need."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState
from asyncua.client.ua_session import UaSession
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509

from oilcan.ground.errors import ParamsError
from oilcan.params.operating.gateway_words import seconds
from oilcan.params.operating.opcua import OpcuaRules, SecurityRules

FAILURES: Final = (OSError, asyncio.TimeoutError, ua.UaError)       # of a connection; it is tried again
_TIMEOUT_S: Final = 10.0
_AT_ONCE: Final = 100           # nodes of one request: servers have limits
_LEAVE_S: Final = 2.0
_SESSION_MS: Final = 60_000     # the server forgets a session without a connection after such a time
_PROBE_S: Final = 5.0           # a connection that does not answer in such a time is gone
_KEEP_ALIVES: Final = 10        # publishing intervals without values after which the server says that it is there
_BROWSED: Final = ua.AttributeIds.BrowseName


class OpcuaSession:
    """A session that is open; `opened` makes it.

    Attributes
    ----------
    nodes
        Name of a node in gateway.yaml -> its id in this session: numbers of namespaces may differ in each.
    """

    def __init__(self, client: Client, nodes: Mapping[str, ua.NodeId]) -> None:
        self.nodes = dict(nodes)
        self._client = client
        self._session: UaSession = client.uaclient.session

    @property
    def is_open(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return self._client.state is UaClientState.CONNECTED

    async def refused(self) -> dict[str, str]:
        """Node -> why, for those that the server does not know or does not let us see."""
        answers: dict[str, str] = {}
        for names in _chunks(list(self.nodes)):
            values = await self._session.read_attributes([self.nodes[name] for name in names], _BROWSED)
            answers |= {name: value.StatusCode.name for name, value in zip(names, values, strict=True)
                        if value.StatusCode is not None and not value.StatusCode.is_good()}
        return answers

    async def units(self, names: Sequence[str]) -> dict[str, str]:
        """Node -> its EngineeringUnits, for those that have them."""
        path = ua.RelativePath(Elements=[ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HasProperty), IsInverse=False, IncludeSubtypes=True,
            TargetName=ua.QualifiedName("EngineeringUnits", 0))])
        units = {}
        for some in _chunks(list(names)):
            paths = [ua.BrowsePath(StartingNode=self.nodes[name], RelativePath=path) for name in some]
            targets = await self._session.translate_browsepaths_to_nodeids(paths)
            properties = {name: found.Targets[0].TargetId for name, found in zip(some, targets, strict=True)
                          if found.StatusCode.is_good() and found.Targets}
            values = await self._session.read_attributes(list(properties.values()), ua.AttributeIds.Value)
            for name, value in zip(properties, values, strict=True):
                unit = getattr(value.Value.Value if value.Value is not None else None, "DisplayName", None)
                if unit is not None and unit.Text is not None:
                    units[name] = unit.Text
        return units

    async def now(self) -> datetime:
        """The server's clock."""
        node = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
        (value,) = await self._session.read_attributes([node], ua.AttributeIds.Value)
        time: datetime = value.Value.Value
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)

    async def history(self, names: Sequence[str], start: datetime, end: datetime) -> dict[str, list[ua.DataValue]]:
        """Values of nodes between two times, as the server has them; nodes without history are not in the answer."""
        details = ua.ReadRawModifiedDetails(IsReadModified=False, StartTime=start, EndTime=end, NumValuesPerNode=0,
                                            ReturnBounds=False)
        values: dict[str, list[ua.DataValue]] = {}
        points: dict[str, bytes | None] = dict.fromkeys(names)
        while points:
            wanted = [ua.HistoryReadValueId(NodeId=self.nodes[name], ContinuationPoint=point)
                      for name, point in points.items()]
            answers = await self._session.history_read(ua.HistoryReadParameters(
                HistoryReadDetails=details, TimestampsToReturn=ua.TimestampsToReturn.Both,
                ReleaseContinuationPoints=False, NodesToRead=wanted))
            further = {}
            for (name, point), answer in zip(points.items(), answers, strict=True):
                if answer.StatusCode.is_good() and answer.HistoryData is not None:
                    values.setdefault(name, []).extend(answer.HistoryData.DataValues or [])
                    if answer.ContinuationPoint and answer.ContinuationPoint != point:
                        further[name] = answer.ContinuationPoint
            points = further
        return values

    async def subscribe(self, rules: OpcuaRules, names: Sequence[str],
                        callback: Callable[[list[tuple[str, ua.DataValue]]], Awaitable[None]],
                        answered: Callable[[], None]) -> dict[str, str]:
        """Have each value sent, those that did not change with a new time included; returns who was refused, and why.

        Parameters
        ----------
        callback
            Takes the values of one message, each with the name of its node. The message is acknowledged to the server
            after it returns.
        answered
            Called with each message, also with those without values.
        """
        handles = dict(enumerate(names, 1))

        async def take(result: ua.PublishResult) -> None:
            answered()
            changes = [change for change in result.NotificationMessage.NotificationData or []
                       if isinstance(change, ua.DataChangeNotification)]
            await callback([(handles[item.ClientHandle], item.Value) for change in changes
                            for item in change.MonitoredItems])

        interval_ms = seconds(rules.publishing) * 1000
        made = await self._session.create_subscription(ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=interval_ms, RequestedLifetimeCount=6 * _KEEP_ALIVES,
            RequestedMaxKeepAliveCount=_KEEP_ALIVES, MaxNotificationsPerPublish=0, PublishingEnabled=True,
            Priority=0), take)
        refused: dict[str, str] = {}
        for some in _chunks(list(handles.items())):
            results = await self._session.create_monitored_items(ua.CreateMonitoredItemsParameters(
                SubscriptionId=made.SubscriptionId, TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[self._item(rules, handle, name) for handle, name in some]))
            refused |= {name: result.StatusCode.name for (_, name), result in zip(some, results, strict=True)
                        if not result.StatusCode.is_good()}
        return refused

    def _item(self, rules: OpcuaRules, handle: int, name: str) -> ua.MonitoredItemCreateRequest:
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=self.nodes[name], AttributeId=ua.AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=handle, SamplingInterval=seconds(rules.sampling) * 1000, QueueSize=rules.queue,
                DiscardOldest=True,
                Filter=ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)))


def silence_s(rules: OpcuaRules) -> float:
    """How long a server that is there says nothing at most, with some patience."""
    return 3 * _KEEP_ALIVES * seconds(rules.publishing) + _TIMEOUT_S


@asynccontextmanager
async def opened(rules: OpcuaRules, names: Sequence[str],
                 environment: Mapping[str, str]) -> AsyncIterator[OpcuaSession]:
    """A session with the server; one of `FAILURES` if there is none to be had."""
    client = Client(rules.url, timeout=_TIMEOUT_S, watchdog_intervall=_PROBE_S)
    client.name, client.session_timeout = "oilcan gateway", _SESSION_MS
    if rules.user is not None:
        client.set_user(rules.user)
        client.set_password(environment["OILCAN_OPCUA_PASSWORD"])
    if rules.security is not None:
        await _secure(client, rules.security, environment.get("OILCAN_OPCUA_KEY_PASSWORD"))
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await client.connect()
        spaces = await client.get_namespace_array()
        yield OpcuaSession(client, {name: _node_id(name, spaces) for name in names})
    finally:
        if client.state is UaClientState.CONNECTED:
            with suppress(*FAILURES):
                async with asyncio.timeout(_LEAVE_S):
                    await client.disconnect()
        client.disconnect_socket()
        await asyncio.sleep(0)          # the socket is closed in the loop's next turn, which may be its last


async def _secure(client: Client, rules: SecurityRules, key_password: str | None) -> None:
    content = {name: path.read_bytes() for name, path in
               (("certificate", rules.certificate), ("key", rules.key), ("server", rules.server_certificate))}
    kinds = {name: "pem" if text.lstrip().startswith(b"-----BEGIN") else "der" for name, text in content.items()}
    client.application_uri = _application(rules.certificate, content["certificate"], kinds["certificate"])
    await client.set_security(
        getattr(security_policies, f"SecurityPolicy{rules.policy}"),
        certificate=CertProperties(content["certificate"], kinds["certificate"]),
        private_key=CertProperties(content["key"], kinds["key"], key_password),
        server_certificate=CertProperties(content["server"], kinds["server"]),
        mode=getattr(ua.MessageSecurityMode, rules.mode))


def _application(file: Path, content: bytes, kind: str) -> str:
    """The name that a certificate gives to the application; servers refuse one of another name."""
    load = x509.load_pem_x509_certificate if kind == "pem" else x509.load_der_x509_certificate
    with suppress(x509.ExtensionNotFound):
        names = load(content).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
            return str(uri)
    raise ParamsError(f"{file}: names no application (found no URI among its alternative names, wanted one such as "
                      f"urn:plant:oilcan-gateway). Make the certificate with subjectAltName=URI:...")


def _node_id(name: str, spaces: Sequence[str]) -> ua.NodeId:
    """The id of a node; a namespace that the server does not have gets a number that it does not have."""
    if name.startswith("nsu="):
        space, _, rest = name.removeprefix("nsu=").partition(";")
        name = f"ns={spaces.index(space) if space in spaces else len(spaces)};{rest}"
    return ua.NodeId.from_string(name)


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    return (items[at:at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))


def windows(start: datetime, end: datetime, length: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Pieces of a span of time, the last as long as it is.

    Examples
    --------
    >>> noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    >>> [(a.hour, b.hour) for a, b in windows(noon, noon + timedelta(hours=5), timedelta(hours=2))]
    [(12, 14), (14, 16), (16, 17)]
    """
    while start < end:
        yield start, min(start + length, end)
        start += length
