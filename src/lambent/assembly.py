"""The composition root's parts list: settings and the ground that app.py has laid → objects → a server that listens.

It is a file of its own because its imports take as long as finding out what isolation can be had: both are done at the
same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from functools import partial

from lambent import neighbours
from lambent.config import Settings, StartError, cache_directory
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
from lambent.foreign.moto import Moto, is_installed
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
from lambent.kit.crowding import is_crowded
from lambent.kit.http_client import Client
from lambent.kit.http_server import Server
from lambent.neighbours.iam import keys as iam_keys
from lambent.neighbours.logs.retention import Retention
from lambent.neighbours.logs.sink import Sink
from lambent.neighbours.sts.function_credentials import FunctionCredentials
from lambent.neighbours.sts.sessions import Sessions
from lambent.ports import Ground, Ports, Trust
from lambent.runtimes.catalogue import open_catalogue
from lambent.runtimes.sdk import Sdk
from lambent.values import frozen
from lambent.wire.model import load
from lambent.wire.service import Api, Registry
from lambent.wire.sigv4 import Key


@frozen
class Assembled:
    """A server that answers, and what must finish before it may end."""

    url: str
    public: Server
    invoker: Invoker
    worker: Worker
    supervisor: Supervisor

    async def finish(self, drain_s: float) -> None:
        """Take nothing more, and let what runs finish, for at most so long."""
        await asyncio.gather(
            self.public.drain(drain_s), self.invoker.drained(), self.worker.stop(), self.supervisor.stop()
        )


async def assemble(settings: Settings, ground: Ground, stack: contextlib.AsyncExitStack) -> Assembled:
    """Build a server and let it listen; `stack` closes what is opened. Raises StartError."""
    store, seal, clock = ground.store, ground.seal, ground.clock
    tasks, log = ground.tasks, ground.log
    state, facts = settings.data / "runtimes", cache_directory()
    looking = partial(open_catalogue, state, sdk=Sdk(), strict=settings.strict_runtimes, facts=facts)
    catalogue = await tasks.in_thread(looking)
    lambda_service = load("lambda")
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

    driver = await ground.driver
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
        stopping=ground.stopping,
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
    return Assembled(url, public, invoker, worker, supervisor)


def _open_files() -> int:
    """How many descriptors this process may have, once it has allowed itself as many as it can."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize


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
