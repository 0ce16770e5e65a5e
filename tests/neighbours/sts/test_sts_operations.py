"""STS: identities, and roles assumed by whom they trust."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.core.accesskey import account_of
from lambent.neighbours.sts.function_credentials import FunctionCredentials
from lambent.wire.errors import AccessDenied, ApiError, ExpiredToken, ValidationError

ANYBODY = '{"AWS":"*"}'
ADA = '{"AWS":"arn:aws:iam::000000000000:user/ada"}'
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


async def assumed(cloud: Any, arn: str, **request: Any) -> dict[str, Any]:
    return dict(await cloud("AssumeRole", **{"RoleArn": arn, "RoleSessionName": "work", **request}))


async def test_the_caller_is_told_who_it_is(cloud: Any) -> None:
    assert await cloud("GetCallerIdentity") == {
        "UserId": "000000000000",
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
    }
    arn = await cloud.role(ANYBODY, Path="/deep/")
    answer = await assumed(cloud, arn)
    identity = await cloud("GetCallerIdentity", by=cloud.holder(answer["Credentials"]))
    role = (await cloud("GetRole", RoleName="target"))["Role"]
    assert identity == {
        "UserId": f"{role['RoleId']}:work",
        "Account": "000000000000",
        "Arn": "arn:aws:sts::000000000000:assumed-role/target/work",
    }
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": identity["UserId"], "Arn": identity["Arn"]}


async def test_credentials_last_as_long_as_asked_and_no_longer(cloud: Any) -> None:
    arn = await cloud.role(ANYBODY)
    credentials = (await assumed(cloud, arn, DurationSeconds=900))["Credentials"]
    assert credentials["Expiration"] == cloud.clock.now() + 900
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert account_of(credentials["AccessKeyId"]) == "000000000000"
    cloud.clock.advance(899)
    cloud.holder(credentials)
    cloud.clock.advance(1)
    with pytest.raises(ExpiredToken):
        cloud.holder(credentials)


@pytest.mark.parametrize(
    ("principal", "caller", "may"),
    [
        (ADA, ("ada", "000000000000"), True),
        (ADA, ("eve", "000000000000"), False),
        ('{"AWS":"000000000000"}', ("eve", "000000000000"), True),
        ('{"AWS":"arn:aws:iam::000000000000:root"}', ("eve", "111111111111"), False),
        ('{"AWS":"111111111111"}', ("eve", "111111111111"), True),
        ('{"Service":"lambda.amazonaws.com"}', ("ada", "000000000000"), False),
    ],
)
async def test_a_role_is_assumed_by_whom_it_trusts(
    cloud: Any, principal: str, caller: tuple[str, str], may: bool
) -> None:
    arn = await cloud.role(principal)
    user = cloud.user(*caller)
    if may:
        credentials = (await assumed(cloud, arn, by=user))["Credentials"]
        assert cloud.holder(credentials).account == "000000000000"
        return
    with pytest.raises(AccessDenied) as raised:
        await assumed(cloud, arn, by=user)
    assert raised.value.status == 403
    assert raised.value.message == (f"User: {user.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}")


async def test_a_role_that_is_not_there_is_refused_like_one_that_does_not_trust(cloud: Any) -> None:
    await cloud.role(ANYBODY, "target")
    for arn in ("arn:aws:iam::000000000000:role/other", "arn:aws:iam::000000000000:role/wrong/path/target"):
        with pytest.raises(AccessDenied):
            await assumed(cloud, arn)


async def test_with_dev_any_role_will_do(cloud: Any) -> None:
    arn = await cloud.role('{"Service":"lambda.amazonaws.com"}')
    dev = cloud.as_dev()
    assert (await assumed(dev, arn))["AssumedRoleUser"]["Arn"].endswith("assumed-role/target/work")
    credentials = (await assumed(dev, "arn:aws:iam::123456789012:role/nowhere"))["Credentials"]
    assert dev.holder(credentials).account == "123456789012"


async def test_an_external_id_is_asked_for(cloud: Any) -> None:
    extra = ',"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}'
    arn = await cloud.role(ANYBODY, extra=extra)
    for request in ({}, {"ExternalId": "wrong"}):
        with pytest.raises(AccessDenied):
            await assumed(cloud, arn, **request)
    await assumed(cloud, arn, ExternalId="secret")


async def test_tags_and_a_source_identity_need_their_own_trust(cloud: Any) -> None:
    arn = await cloud.role(ANYBODY)
    tag = {"Tags": [{"Key": "team", "Value": "a"}]}
    for request, action in ((tag, "sts:TagSession"), ({"SourceIdentity": "ada"}, "sts:SetSourceIdentity")):
        with pytest.raises(AccessDenied) as raised:
            await assumed(cloud, arn, **request)
        assert f"perform: {action} on" in str(raised.value.message)
    document = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"}]})
    await cloud("UpdateAssumeRolePolicy", RoleName="target", PolicyDocument=document)
    answer = await assumed(cloud, arn, SourceIdentity="ada", TransitiveTagKeys=["team"], **tag)
    assert answer["SourceIdentity"] == "ada"
    by = cloud.holder(answer["Credentials"])
    again = await assumed(cloud, arn, by=by, RoleSessionName="next")
    key = again["Credentials"]
    session = cloud.sessions.session(key["AccessKeyId"], key["SessionToken"])
    assert (session.tags, session.transitive, session.source_identity) == ({"team": "a"}, ["team"], "ada")
    with pytest.raises(ValidationError):
        await assumed(cloud, arn, by=by, **tag)


async def test_a_session_policy_is_kept_and_measured(cloud: Any) -> None:
    arn = await cloud.role(ANYBODY)
    answer = await assumed(cloud, arn, Policy=POLICY, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])
    assert 0 < answer["PackedPolicySize"] < 10
    key = answer["Credentials"]
    session = cloud.sessions.session(key["AccessKeyId"], key["SessionToken"])
    assert session.policy == POLICY
    assert session.policy_arns == ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    with pytest.raises(ApiError) as raised:
        await assumed(cloud, arn, Policy=POLICY + " " * 2048)
    assert (raised.value.code, raised.value.status) == ("PackedPolicyTooLarge", 400)
    with pytest.raises(ApiError) as raised:
        await assumed(cloud, arn, Policy="{}")
    assert (raised.value.code, raised.value.message) == ("MalformedPolicyDocument", "Syntax errors in policy.")


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"RoleArn": "arn:aws:iam::000000000000:user/ada"}, "arn:aws:iam::000000000000:user/ada is invalid"),
        ({"DurationSeconds": 3601}, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
        ({"DurationSeconds": 899}, "1 validation error detected"),
        ({"RoleSessionName": "a b"}, "1 validation error detected"),
        ({"TransitiveTagKeys": ["x"]}, "The specified transitive tag key must be included"),
        ({"ProvidedContexts": [{}]}, "ProvidedContexts are not supported."),
    ],
)
async def test_a_wrong_request_is_refused(cloud: Any, request_: dict[str, Any], text: str) -> None:
    extra = ',"Sid":"x"},{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:TagSession"'
    arn = await cloud.role(ANYBODY, extra=extra)
    with pytest.raises(ValidationError) as raised:
        await assumed(cloud, arn, **request_)
    assert str(raised.value.message).startswith(text)


async def test_a_role_assumed_by_a_role_lasts_an_hour_at_most(cloud: Any) -> None:
    arn = await cloud.role(ANYBODY, MaxSessionDuration=43200)
    await assumed(cloud, arn, DurationSeconds=43200)
    by = cloud.holder((await assumed(cloud, arn))["Credentials"])
    await assumed(cloud, arn, by=by)
    with pytest.raises(ValidationError) as raised:
        await assumed(cloud, arn, by=by, DurationSeconds=3601)
    assert "role chaining" in str(raised.value.message)


async def test_a_role_may_trust_another_role_by_its_arn_with_its_path(cloud: Any) -> None:
    first = await cloud.role(ANYBODY, "first", Path="/deep/")
    second = await cloud.role(f'{{"AWS":"{first}"}}', "second")
    by = cloud.holder((await assumed(cloud, first))["Credentials"])
    await assumed(cloud, second, by=by)
    with pytest.raises(AccessDenied):
        await assumed(cloud, second, by=cloud.user("ada"))


async def test_a_session_token_is_for_the_same_caller(cloud: Any) -> None:
    ada = cloud.user("ada")
    credentials = (await cloud("GetSessionToken", by=ada))["Credentials"]
    assert credentials["Expiration"] == cloud.clock.now() + 43_200
    holder = cloud.holder(credentials)
    assert (holder.arn, holder.user_id, holder.is_root) == (ada.arn, ada.user_id, False)
    with pytest.raises(AccessDenied) as raised:
        await cloud("GetSessionToken", by=holder)
    assert raised.value.message == "Cannot call GetSessionToken with session credentials"


async def test_a_session_of_the_root_lasts_an_hour(cloud: Any) -> None:
    credentials = (await cloud("GetSessionToken", DurationSeconds=36_000))["Credentials"]
    assert credentials["Expiration"] == cloud.clock.now() + 3600
    assert cloud.holder(credentials).is_root


async def test_a_code_of_a_device_that_nobody_has_is_wrong(cloud: Any) -> None:
    arn = await cloud.role(ANYBODY)
    with pytest.raises(AccessDenied):
        await assumed(cloud, arn, SerialNumber="arn:aws:iam::000000000000:mfa/ada", TokenCode="123456")
    with pytest.raises(AccessDenied):
        await cloud("GetSessionToken", TokenCode="123456")


async def test_the_account_of_a_key_is_told(cloud: Any) -> None:
    assert await cloud("GetAccessKeyInfo", AccessKeyId="ASIAQNZGKIQY56JQ7WML") == {"Account": "029608264753"}
    with pytest.raises(ValidationError):
        await cloud("GetAccessKeyInfo", AccessKeyId="A" * 20)


# -- functions ----------------------------------------------------------------------------------------------------


async def test_a_function_gets_a_session_of_its_role_named_like_itself(cloud: Any) -> None:
    arn = await cloud.role('{"Service":"lambda.amazonaws.com"}', Path="/service/")
    keys = await FunctionCredentials(cloud.sessions, cloud).for_function(arn, "thumbs")
    found = cloud.sessions.find(keys.access_key, keys.session_token, cloud.clock.now() + 43_199)
    role = (await cloud("GetRole", RoleName="target"))["Role"]
    assert found.secret == keys.secret_key
    assert found.principal.arn == "arn:aws:sts::000000000000:assumed-role/target/thumbs"
    assert found.principal.user_id == f"{role['RoleId']}:thumbs"
    assert cloud.sessions.session(keys.access_key, keys.session_token).role == arn


async def test_a_function_whose_role_is_gone_gets_a_session_of_no_role(cloud: Any) -> None:
    arn = "arn:aws:iam::000000000000:role/gone"
    credentials = FunctionCredentials(cloud.sessions, cloud)
    keys = await credentials.for_function(arn, "thumbs")
    session = cloud.sessions.session(keys.access_key, keys.session_token)
    assert session.user_id == session.user_id[:4] + session.user_id[4:].lower()
