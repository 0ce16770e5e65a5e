"""The composition root: settings → objects → a running server. Reads like a parts list; nothing else chooses
implementations."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambent import neighbours
from lambent.config import Settings, cache_directory
from lambent.control.activation import Activation
from lambent.control.aliases import Aliases
from lambent.control.capacity import CapacityProviders
from lambent.control.concurrency import Concurrencies
from lambent.control.event_invoke import EventInvokeConfigs
from lambent.control.event_sources import EventSourceMappings
from lambent.control.functions import Functions
from lambent.control.invocations import Invocations, Ways
from lambent.control.layer_permissions import LayerPermissions
from lambent.control.layers import Layers
from lambent.control.permissions import Permissions
from lambent.control.recursion import RecursionConfigs
from lambent.control.runtime_management import RuntimeManagementConfigs
from lambent.control.scaling import ScalingConfigs
from lambent.control.signing import CodeSigningConfigs
from lambent.control.stats import Stats
from lambent.control.storage import Account, CodeStorage
from lambent.control.tags import Tags
from lambent.control.urls import FunctionUrls
from lambent.control.versions import Versions
from lambent.delivery.counters import Counters
from lambent.delivery.intake import Intake
from lambent.delivery.lane import Parts
from lambent.delivery.settle import Settler
from lambent.delivery.supervisor import Supervisor
from lambent.delivery.worker import Worker
from lambent.foreign.buckets import Buckets
from lambent.foreign.calls import ForeignCalls
from lambent.foreign.moto import Moto, installed_version, is_installed
from lambent.foreign.notifications import Notifications
from lambent.foreign.services import Foreign
from lambent.front.abroad import Abroad
from lambent.front.errands import Errands
from lambent.front.fastdoor import FastDoor
from lambent.front.identity import Identity
from lambent.front.neighbourhood import Neighbourhood
from lambent.front.pipeline import InProcess, Pipeline
from lambent.front.server import PUBLIC_LIMITS, PublicConnection, Site
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.billing import Billing
from lambent.invoke.collect import collect_garbage
from lambent.invoke.door import Doors
from lambent.invoke.gate import Gate
from lambent.invoke.invoker import Invoker
from lambent.invoke.layers import LayerRecords
from lambent.invoke.prepare import Preparation
from lambent.invoke.records import FunctionRecords
from lambent.invoke.resolve import Resolver
from lambent.invoke.settings import FunctionSettings
from lambent.invoke.stems import Stems
from lambent.kit.clock import SystemClock
from lambent.kit.crowding import is_crowded
from lambent.kit.http_client import Client
from lambent.kit.http_server import Server
from lambent.kit.log import Log
from lambent.kit.seal import MasterKeyUnusable, Seal, SealBroken
from lambent.kit.tasks import Tasks
from lambent.neighbours.iam import keys as iam_keys
from lambent.neighbours.logs.retention import Retention
from lambent.neighbours.logs.sink import Sink
from lambent.neighbours.sts.function_credentials import FunctionCredentials
from lambent.neighbours.sts.sessions import Sessions
from lambent.ports import Ports, Trust
from lambent.runtimes.catalogue import Catalogue, open_catalogue
from lambent.runtimes.sdk import Sdk
from lambent.sandbox.base import Driver, IsolationUnavailable
from lambent.sandbox.namespaces import driver as namespaces
from lambent.sandbox.process import driver as process
from lambent.store.base import StoreUnavailable
from lambent.store.sqlite.store import open_store
from lambent.wire.model import load
from lambent.wire.service import Api, Registry
from lambent.wire.sigv4 import Key

DRAIN_S = 900.0
"""A function may run that long; a second signal ends the wait."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class StartError(Exception):
    """The server cannot start; the text is for whoever started it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready."""

    url: str
    settings: Settings
    isolation: str
    notes: Sequence[str]


async def serve(settings: Settings, *, ready: Callable[[Running], None]) -> None:
    """Run the server until SIGTERM or SIGINT; running invocations finish first. Raises StartError."""
    log = Log(settings.log_level)
    if settings.dev and settings.host not in LOOPBACK:
        raise StartError("--dev trusts every key, so it listens on loopback addresses only")
    async with contextlib.AsyncExitStack() as stack:
        try:
            await _run(settings, log, stack, ready)
        except (StoreUnavailable, MasterKeyUnusable, IsolationUnavailable) as error:
            raise StartError(str(error)) from error
        except SealBroken as error:
            text = f"{settings.data / 'master.key'} is not the key that this data was sealed with: {error}"
            raise StartError(text) from error


async def _run(
    settings: Settings, log: Log, stack: contextlib.AsyncExitStack, ready: Callable[[Running], None]
) -> None:
    stopping = _on_signals()
    clock = SystemClock()
    store = await stack.enter_async_context(open_store(settings.data, log=log, clock=clock))
    tasks = Tasks(log)
    stack.push_async_callback(tasks.close)
    seal = Seal.open_or_create(settings.data / "master.key")

    # Trying out what isolation can be had takes a while, most of it waiting: the models are read meanwhile.
    opening = tasks.start("isolation", _open_driver(settings, tasks, log))
    state, facts = settings.data / "runtimes", cache_directory()
    catalogue = open_catalogue(state, sdk=Sdk(), strict=settings.strict_runtimes, facts=facts)
    lambda_service = load("lambda")
    driver = await opening
    stack.push_async_callback(driver.close)
    starting = tasks.start("driver", driver.start())

    keys = iam_keys.Keys(store.records, seal)
    await keys.start()
    stack.callback(keys.close)
    sessions = Sessions(seal, clock)
    client = Client(tasks)
    stack.callback(client.close)
    moto = Moto(settings.data / "moto", client, tasks, log) if settings.moto and is_installed() else None
    if moto is not None:
        stack.push_async_callback(moto.close)
    foreign = Foreign(settings.neighbours, moto, client, clock, tasks, log)
    aws = InProcess(ForeignCalls(foreign, tasks))
    sink = Sink(store.records, store.journals, tasks, clock, log)
    stack.callback(sink.close)

    public, inside = Server(log), Server(log, most=_open_files() // 2)
    """The port that clients use, and the ways out of the sandboxes: those stay open while the last functions finish.
    However many connections functions hold, some of our descriptors are left for everything else."""
    stack.push_async_callback(inside.close)
    stack.push_async_callback(public.close)
    site: Site

    def connection() -> PublicConnection:
        return site.connection()

    artifacts = Artifacts(settings.data / "artifacts", store.blobs, tasks)
    artifacts.start()
    functions = FunctionRecords(store.records, seal)
    billing = Billing(store.records, tasks, clock, log)
    stack.push_async_callback(billing.close)
    invoker = Invoker(
        Resolver(functions),
        Gate(settings.concurrency, AllotmentRecords(store.records), clock),
        Preparation(artifacts, catalogue, FunctionCredentials(sessions, aws), sink, billing, clock),
        Stems(driver, Doors(inside, connection, tasks), tasks, log),
        tasks,
        clock,
        log,
        idle_s=settings.idle_s,
    )
    settings_of = FunctionSettings(store.records)
    await settings_of.start()
    stack.callback(settings_of.close)
    counters = Counters()
    settler = Settler(store.queues, settings_of, Errands(aws), counters, clock, tasks, log)
    worker = Worker(
        Parts(store.queues, invoker, settings_of, settler, clock, tasks, log, settings.async_retry_delays_s, is_crowded)
    )
    ways = Ways(invoker, settings_of, Intake(store.queues, counters))
    ports = Ports(
        records=store.records,
        queues=store.queues,
        blobs=store.blobs,
        journals=store.journals,
        seal=seal,
        clock=clock,
        tasks=tasks,
        log=log,
        trust=Trust(settings.dev, settings.account, settings.region),
        aws=aws,
        invoker=invoker,
        catalogue=catalogue,
        stopping=stopping,
    )
    activation = Activation(ports)
    storage = CodeStorage(ports, settings.code_storage)
    neighbourhood = Neighbourhood(ports, neighbours.found())
    supervisor = Supervisor(store.records, neighbourhood.triggers, settings_of, tasks, clock, log)
    nouns = (
        Functions(ports, artifacts, activation, storage),
        Account(ports, storage),
        Versions(ports, storage),
        Aliases(ports),
        Layers(ports, artifacts, storage),
        LayerPermissions(ports),
        Permissions(ports),
        Tags(ports),
        Concurrencies(ports),
        Invocations(ways),
        EventInvokeConfigs(ports),
        FunctionUrls(ports),
        EventSourceMappings(ports, neighbourhood.triggers),
        CodeSigningConfigs(ports),
        RuntimeManagementConfigs(ports),
        RecursionConfigs(ports),
        ScalingConfigs(ports),
        CapacityProviders(ports),
    )
    registry = Registry([Api(lambda_service, *nouns), *neighbourhood.apis()])
    aws.connect(registry)
    identity = Identity(_Identities(keys, sessions), ports.trust, clock)
    pipeline = Pipeline(registry, identity, tasks, log)
    fast = FastDoor(registry, lambda_service, identity, pipeline, ways, log)
    await starting
    health: dict[str, object] = {"status": "running", "isolation": driver.level, "notes": list(driver.notes)}
    notifications = Notifications(store.records, aws, log)
    await notifications.start()
    stack.callback(notifications.close)
    buckets = Buckets(foreign, notifications, clock, log)
    abroad = Abroad(registry, foreign, buckets, identity, pipeline, log)
    site = Site(ports, pipeline, fast, abroad, Stats(billing, store.queues, counters, clock), health)

    try:
        listener = await public.listen(settings.host, settings.port, connection, PUBLIC_LIMITS)
    except OSError as error:
        raise StartError(str(error.strerror or error)) from error
    url = f"http://{settings.host}:{listener.port}"
    administrator = await iam_keys.ensure_administrator(store.records, seal, settings.account, now=clock.now())
    iam_keys.write_credentials(settings.data / "credentials", administrator, region=settings.region, endpoint=url)

    await invoker.start()
    stack.push_async_callback(invoker.close)
    await activation.resume()
    await neighbourhood.resume()
    await supervisor.start()
    tasks.start("log retention", Retention(store.records, store.journals, clock, log).run())
    tasks.start("garbage", collect_garbage(functions, LayerRecords(store.records), store.blobs, artifacts, log))
    await worker.start()
    ready(Running(url, settings, driver.level, driver.notes))
    gc.collect()
    gc.freeze()  # what lives now lives for ever: the collector need not look at it again
    await stopping.wait()
    await _stop(public, invoker, worker, supervisor, log)


async def _stop(public: Server, invoker: Invoker, worker: Worker, supervisor: Supervisor, log: Log) -> None:
    """Let running invocations finish; a second signal breaks them off. What waits stays for the next server."""
    log.info("stopping", running=invoker.running)
    again = asyncio.ensure_future(_on_signals().wait())
    finished = asyncio.gather(public.drain(DRAIN_S), invoker.drained(), worker.stop(), supervisor.stop())
    await asyncio.wait((finished, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if not finished.done():
        log.warning("stopping_at_once", running=invoker.running)
        finished.cancel()


def _open_files() -> int:
    """How many descriptors this process may have, once it has allowed itself as many as it can."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize


def _on_signals() -> asyncio.Event:
    """An event that the next SIGTERM or SIGINT sets."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


def _instance(data: Path) -> str:
    """A name for this server's control groups that its successor on the same data directory finds again."""
    return hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]


async def _open_driver(settings: Settings, tasks: Tasks, log: Log) -> Driver:
    state = settings.data / "sandboxes"
    return await tasks.in_thread(open_driver, settings.isolation, state, _instance(settings.data), log)


def open_driver(level: str | None, state: Path, instance: str, log: Log) -> Driver:
    """The driver of the isolation level that was asked for, or with None of the strongest that works here; found out by
    making a sandbox, which blocks. Raises IsolationUnavailable with the reasons."""
    reasons: list[str] = []
    if level != process.LEVEL:
        try:
            return namespaces.open_driver(level, state, instance, log)
        except IsolationUnavailable as error:
            reasons.append(str(error))
    if level in (None, process.LEVEL):
        try:
            return process.open_driver(state, instance, log, because="; ".join(reasons))
        except IsolationUnavailable as error:
            reasons.append(str(error))
    raise IsolationUnavailable(f"no isolation can be had here: {'; '.join(reasons)}")


class _Identities:
    """Users' keys and sessions' keys, as signatures are checked with."""

    def __init__(self, keys: iam_keys.Keys, sessions: Sessions) -> None:
        self._keys = keys
        self._sessions = sessions

    def find(self, access_key: str, session_token: str | None, now: float) -> Key | None:
        """See wire/sigv4.py."""
        if session_token is not None:
            return self._sessions.find(access_key, session_token, now)
        return self._keys.find(access_key)


@dataclass(frozen=True, slots=True)
class Report:
    """What `lambent doctor` shows."""

    isolation: str | None
    """The level that can be had, or None with the reason in `notes`."""
    notes: Sequence[str]
    catalogue: Catalogue
    sdk: Sdk
    moto: str | None = None
    """The version of the embedded moto, None when it is not installed."""


async def examine(settings: Settings) -> Report:
    """Look at this machine without starting a server."""
    log = Log("error")
    settings.data.mkdir(parents=True, exist_ok=True)
    sdk = Sdk()
    state, facts = settings.data / "runtimes", cache_directory()
    catalogue = open_catalogue(state, sdk=sdk, strict=settings.strict_runtimes, facts=facts)
    moto = installed_version() if is_installed() else None
    try:
        driver: Driver = open_driver(settings.isolation, settings.data / "doctor", f"doctor-{os.getpid()}", log)
    except IsolationUnavailable as error:
        return Report(None, (str(error),), catalogue, sdk, moto)
    try:
        await driver.start()
        return Report(driver.level, tuple(driver.notes), catalogue, sdk, moto)
    finally:
        await driver.close()
