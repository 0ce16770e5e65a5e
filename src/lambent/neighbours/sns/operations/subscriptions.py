"""Subscriptions: making, confirming, listing, changing, ending them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import replace

from lambent.kit.ids import token, uuid4
from lambent.neighbours.sns import subscription_attributes
from lambent.neighbours.sns.envelope import confirmation_text
from lambent.neighbours.sns.message import SUBSCRIPTION, UNSUBSCRIPTION, Message
from lambent.neighbours.sns.names import Malformed, SubscriptionRef, TopicRef
from lambent.neighbours.sns.records import Subscription, TopicRecords
from lambent.neighbours.sns.requests import PAGE, invalid, page_token, read_page_token, subscription_ref, topic_ref
from lambent.neighbours.sns.shapes import (
    AuthorizationErrorException,
    ConfirmSubscriptionInput,
    ConfirmSubscriptionResponse,
    GetSubscriptionAttributesInput,
    GetSubscriptionAttributesResponse,
    InvalidParameterException,
    ListSubscriptionsByTopicInput,
    ListSubscriptionsByTopicResponse,
    ListSubscriptionsInput,
    ListSubscriptionsResponse,
    SetSubscriptionAttributesInput,
    SubscribeInput,
    SubscribeResponse,
    UnsubscribeInput,
)
from lambent.neighbours.sns.shapes import Subscription as Shown
from lambent.ports import Ports
from lambent.wire.call import Call

TOKEN_BYTES = 144
TOKEN_S = 3 * 86_400
"""How long a token is good."""
_TOKEN = re.compile(r"[0-9a-f]{64,1024}")


class Subscriptions:
    """The operations on subscriptions."""

    def __init__(self, ports: Ports) -> None:
        self._topics = TopicRecords(ports.records)
        self._queues = ports.queues
        self._clock = ports.clock

    async def subscribe(self, call: Call, request: SubscribeInput) -> SubscribeResponse:
        """Partly: to queues, functions, and HTTP and HTTPS endpoints; other protocols are refused by name."""
        ref = topic_ref(call, request["TopicArn"])
        protocol, endpoint = request["Protocol"], request.get("Endpoint", "")
        given = request.get("Attributes", {})

        def made(others: Sequence[Subscription]) -> Subscription:
            subscription_attributes.check_endpoint(ref, protocol, endpoint)
            attributes = subscription_attributes.checked(protocol, endpoint, ref, given)
            for other in others:
                if (other.protocol, other.endpoint) == (protocol, endpoint):
                    return self._again(other, attributes)
            return self._new(call, ref, protocol, endpoint, attributes)

        subscription = await self._topics.subscribe(ref, made)
        if subscription.confirmed:
            return {"SubscriptionArn": subscription.ref.arn}
        await self._tell(subscription, SUBSCRIPTION)
        known = request.get("ReturnSubscriptionArn", False)
        return {"SubscriptionArn": subscription.ref.arn if known else "pending confirmation"}

    async def confirm_subscription(self, call: Call, request: ConfirmSubscriptionInput) -> ConfirmSubscriptionResponse:
        ref = _open_topic_ref(call, request["TopicArn"])
        sent = request["Token"]
        if ref is None:
            raise invalid("Topic")
        if not _TOKEN.fullmatch(sent) or await self._topics.find(ref) is None:
            raise invalid("Token")
        guarded = request.get("AuthenticateOnUnsubscribe", "").lower() == "true"
        found = self._named(sent, await self._topics.subscriptions(ref))
        if found is not None:
            await self._topics.change_subscription(
                found.ref, lambda now: _confirmed(now, authenticated=_is_signed(call), guarded=guarded)
            )
            return {"SubscriptionArn": found.ref.arn}
        former = self._named(sent, await self._topics.former_subscriptions(ref))
        if former is None:
            raise InvalidParameterException("Invalid token")
        await self._topics.restore(former.ref)
        return {"SubscriptionArn": former.ref.arn}

    async def unsubscribe(self, call: Call, request: UnsubscribeInput) -> None:
        arn = request["SubscriptionArn"]
        ref = subscription_ref(call, arn) if _is_signed(call) else _open_subscription_ref(arn)
        subscription = await self._topics.find_subscription(ref)
        if subscription is None:
            return
        if not _is_signed(call) and subscription.guarded:
            raise AuthorizationErrorException(
                f"User: anonymous is not authorized to perform: SNS:Unsubscribe on resource: {arn}"
            )
        if _is_signed(call) or subscription.protocol not in subscription_attributes.HTTP:
            await self._topics.unsubscribe(ref)
            await self._queues.purge(ref.queue, tokens=True)
            return
        await self._forget_old(ref.topic)
        former = replace(subscription, token=token(TOKEN_BYTES), created_s=self._clock.now())
        await self._topics.unsubscribe(ref, former=former)
        await self._tell(former, UNSUBSCRIPTION)

    async def list_subscriptions(self, call: Call, request: ListSubscriptionsInput) -> ListSubscriptionsResponse:
        prefix = TopicRef(call.account, call.region, "").subscription_scope
        shown, following = await self._page(prefix, request.get("NextToken"))
        answer: ListSubscriptionsResponse = {"Subscriptions": shown}
        if following:
            answer["NextToken"] = following
        return answer

    async def list_subscriptions_by_topic(
        self, call: Call, request: ListSubscriptionsByTopicInput
    ) -> ListSubscriptionsByTopicResponse:
        ref = topic_ref(call, request["TopicArn"])
        await self._topics.topic(ref)
        shown, following = await self._page(ref.subscriptions, request.get("NextToken"))
        answer: ListSubscriptionsByTopicResponse = {"Subscriptions": shown}
        if following:
            answer["NextToken"] = following
        return answer

    async def get_subscription_attributes(
        self, call: Call, request: GetSubscriptionAttributesInput
    ) -> GetSubscriptionAttributesResponse:
        ref = subscription_ref(call, request["SubscriptionArn"])
        subscription = await self._topics.subscription(ref)
        topic = await self._topics.topic(ref.topic)
        return {"Attributes": subscription_attributes.shown(topic, subscription)}

    async def set_subscription_attributes(self, call: Call, request: SetSubscriptionAttributesInput) -> None:
        ref = subscription_ref(call, request["SubscriptionArn"])
        name, value = request["AttributeName"], request.get("AttributeValue", "")

        def changed(subscription: Subscription) -> Subscription:
            attributes = subscription_attributes.changed(subscription, name, value)
            return replace(subscription, attributes=attributes)

        await self._topics.change_subscription(ref, changed)

    def _new(self, call: Call, ref: TopicRef, protocol: str, endpoint: str, attributes: dict[str, str]) -> Subscription:
        is_http = protocol in subscription_attributes.HTTP
        return Subscription(
            account=ref.account,
            region=ref.region,
            topic=ref.name,
            id=uuid4(),
            protocol=protocol,
            endpoint=endpoint,
            owner=call.account,
            principal=call.principal.arn,
            host=call.host,
            created_s=self._clock.now(),
            attributes=attributes,
            token=token(TOKEN_BYTES) if is_http else "",
            confirmed=not is_http,
        )

    def _again(self, existing: Subscription, attributes: dict[str, str]) -> Subscription:
        """A subscription may be made again as it is; its token is renewed when it is no longer good. Raises
        InvalidParameterException."""
        if not subscription_attributes.is_same(existing, attributes):
            raise InvalidParameterException(
                "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
            )
        if existing.confirmed or self._is_fresh(existing):
            return existing
        return replace(existing, token=token(TOKEN_BYTES), created_s=self._clock.now())

    def _is_fresh(self, subscription: Subscription) -> bool:
        """Whether its token is still good."""
        return subscription.created_s + TOKEN_S > self._clock.now()

    def _named(self, sent: str, subscriptions: Sequence[Subscription]) -> Subscription | None:
        """The one whose token was sent."""
        return next((s for s in subscriptions if hmac.compare_digest(s.token, sent) and self._is_fresh(s)), None)

    async def _forget_old(self, ref: TopicRef) -> None:
        """Nobody can restore any more what was ended so long ago."""
        for former in await self._topics.former_subscriptions(ref):
            if not self._is_fresh(former):
                await self._topics.forget(former.ref)

    async def _tell(self, subscription: Subscription, kind: str) -> None:
        """Put a confirmation among what is delivered to an endpoint."""
        topic = await self._topics.topic(subscription.ref.topic)
        message = Message(
            id=uuid4(),
            at_ms=int(self._clock.now() * 1000),
            text=confirmation_text(kind, subscription.ref),
            kind=kind,
            signature_version=topic.attributes.get("SignatureVersion", "1"),
            token=subscription.token,
        )
        await self._queues.put(subscription.ref.queue, message.stored())

    async def _page(self, prefix: str, sent: str | None) -> tuple[list[Shown], str | None]:
        place = read_page_token(sent)
        found = await self._topics.page(prefix, after=prefix + place if place else "", limit=PAGE + 1)
        shown = [_shown(subscription) for subscription in found[:PAGE]]
        return shown, page_token(found[PAGE - 1].ref.key.removeprefix(prefix)) if len(found) > PAGE else None


def _confirmed(subscription: Subscription, *, authenticated: bool, guarded: bool) -> Subscription:
    """Once it is confirmed, nothing changes any more."""
    if subscription.confirmed:
        return subscription
    return replace(subscription, confirmed=True, authenticated=authenticated, guarded=guarded and authenticated)


def _is_signed(call: Call) -> bool:
    """Links in messages are followed without a signature."""
    return call.account != ""


def _open_topic_ref(call: Call, arn: str) -> TopicRef | None:
    """The topic that a link names, in whatever account it is."""
    try:
        ref = TopicRef.parse(arn)
    except Malformed:
        return None
    return ref if not _is_signed(call) or ref.region == call.region else None


def _open_subscription_ref(arn: str) -> SubscriptionRef:
    try:
        return SubscriptionRef.parse(arn)
    except Malformed as error:
        raise invalid("SubscriptionArn", str(error)) if str(error) else invalid("SubscriptionId") from None


def _shown(subscription: Subscription) -> Shown:
    return {
        "SubscriptionArn": subscription.ref.arn if subscription.confirmed else "PendingConfirmation",
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.ref.topic.arn,
    }
