"""All foreign services: who has which, and how a request is sent there in an account's name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from lambent.foreign.idle import refusal
from lambent.foreign.moto import Moto, MotoFailed
from lambent.foreign.moto_child import UNKNOWN_HEADER
from lambent.foreign.targets import Neighbour
from lambent.kit.clock import Clock
from lambent.kit.http_client import Answer, Broken, Client, Origin, Outgoing, Unreachable
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.values import frozen
from lambent.wire.canonical import UNSIGNED, hash_of
from lambent.wire.client import NoKeys, profile_keys
from lambent.wire.errors import ApiError
from lambent.wire.message import PlainRequest
from lambent.wire.signing import Credentials, sign

_PROFILE_S = 60.0
"""How long a profile's keys are not asked for again: they are renewed many minutes before they end."""
_FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")


@frozen
class Passed:
    """A request to a foreign service, without signature."""

    service: str
    account: str
    region: str
    method: str
    path: bytes
    query: bytes = b""
    headers: Mapping[bytes, bytes] | None = None
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
    """Of a streamed body, if it is known."""
    host: bytes = b""
    """What the caller called us: what moto makes links of."""


class Foreign:
    """The services that are not here."""

    def __init__(
        self, neighbours: Sequence[Neighbour], moto: Moto | None, client: Client, clock: Clock, tasks: Tasks, log: Log
    ) -> None:
        self._neighbours = {each.name: each for each in neighbours}
        self._moto = moto
        self._client = client
        self._clock = clock
        self._tasks = tasks
        self._profiles: dict[str, tuple[Credentials, float]] = {}
        self._log = log

    def replaces(self, service: str) -> bool:
        """Whether the service, even if it lives here, is to be asked elsewhere."""
        return service in self._neighbours

    def home(self, service: str) -> str:
        """Where the service is: another text when what it held is not there any more."""
        neighbour = self._neighbours.get(service)
        if neighbour is not None:
            return neighbour.url
        return f"moto {self._moto.generation}" if self._moto is not None else ""

    def called(self, service: str) -> str:
        """What to call whoever has it, in an error."""
        neighbour = self._neighbours.get(service)
        return "the embedded moto" if neighbour is None else _called(neighbour)

    async def send(self, request: Passed) -> Answer:
        """The answer's head; its body follows. Raises ApiError when nobody has the service, or nobody answers."""
        neighbour = self._neighbours.get(request.service)
        if neighbour is not None:
            return await self._to_neighbour(neighbour, request)
        if self._moto is None:
            raise _nobody(request.service)
        return await self._to_moto(self._moto, request)

    async def _to_neighbour(self, neighbour: Neighbour, request: Passed) -> Answer:
        path = neighbour.path + request.path
        headers = {**(request.headers or {}), b"host": neighbour.origin.authority}
        keys = await self._keys(neighbour, request.account)
        body = request.body
        payload = hash_of(body) if isinstance(body, bytes) else UNSIGNED
        plain = PlainRequest(request.method, path, request.query, headers, b"")
        region = neighbour.region or request.region
        signed = sign(plain, keys, region, neighbour.name, self._clock.now(), payload_hash=payload)
        return await self._sent(neighbour.origin, _outgoing(request, path, signed), _called(neighbour))

    async def _keys(self, neighbour: Neighbour, account: str) -> Credentials:
        """What a neighbour is asked with."""
        if neighbour.profile is None:
            return neighbour.keys or Credentials(account, "test")
        now = self._clock.now()
        keys, until = self._profiles.get(neighbour.profile, (None, 0.0))
        if keys is None or until < now:
            try:
                keys = await self._tasks.in_thread(profile_keys, neighbour.profile)
            except NoKeys as error:
                raise _unavailable(f"{_called(neighbour)} cannot be asked: {error}") from None
            self._profiles[neighbour.profile] = keys, now + _PROFILE_S
        return keys

    async def _to_moto(self, moto: Moto, request: Passed) -> Answer:
        if (text := refusal(request.service, request.method, request.path, request.headers or {})) is not None:
            raise ApiError(text, code="NotImplementedException", status=501)
        try:
            origin = await moto.origin()
        except MotoFailed as error:
            self._log.error("moto_does_not_start", because=str(error))
            raise _unavailable(f"the embedded moto does not start: {error}") from None
        scope = f"{request.account}/20260101/{request.region}/{request.service}/aws4_request"
        headers = {
            **(request.headers or {}),
            **moto.headers,
            b"host": request.host or b"localhost",
            b"user-agent": b"lambent",  # moto would read a region out of it
            b"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode(),
            b"x-moto-account-id": request.account.encode(),
        }
        if request.service == "s3" and headers.get(b"content-type", b"").startswith(_FORMS):
            headers[b"content-type"] = b"binary/octet-stream"  # it would take the object for a form, and lose it
        answer = await self._sent(origin, _outgoing(request, request.path, headers), "the embedded moto")
        if answer.header(UNKNOWN_HEADER.encode()) is not None:
            answer.close()
            raise _unknown(request.service)
        if answer.status == 500 and (answer.header(b"content-type") or b"").startswith(b"text/html"):
            answer.close()
            text = "The embedded moto failed at this request; lambent serve --log-level debug says how."
            raise ApiError(text, code="InternalFailure", status=500)
        return answer

    async def _sent(self, origin: Origin, outgoing: Outgoing, called: str) -> Answer:
        try:
            return await self._client.send(origin, outgoing)
        except Unreachable as error:
            raise _unavailable(f"{called} cannot be reached: {error}") from None
        except Broken as error:
            raise _unavailable(f"{called} gave no answer: {error}") from None


def _called(neighbour: Neighbour) -> str:
    return f"the neighbour {neighbour.name} at {neighbour.url}"


def _outgoing(request: Passed, path: bytes, headers: Mapping[bytes, bytes]) -> Outgoing:
    target = path + b"?" + request.query if request.query else path
    return Outgoing(request.method, target, headers, request.body, request.length)


def _nobody(service: str) -> ApiError:
    text = (
        f"Lambent has no {service} of its own. Install the embedded one (pip install 'lambent[moto]') or name another: "
        f"lambent serve --neighbour {service}=URL"
    )
    return ApiError(text, code="NotImplementedException", status=501)


def _unknown(service: str) -> ApiError:
    text = f"Neither Lambent nor its moto has a service {service}. Name one: lambent serve --neighbour {service}=URL"
    return ApiError(text, code="NotImplementedException", status=501)


def _unavailable(text: str) -> ApiError:
    return ApiError(f"{text[:1].upper()}{text[1:]}.", code="ServiceUnavailable", status=503)
