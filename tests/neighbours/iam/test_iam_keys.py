"""Access keys: made once, looked up at every request, and the administrator's at the first start."""

from __future__ import annotations

import asyncio
import configparser
import secrets
from pathlib import Path
from typing import Any

import pytest

from lambent.core.accesskey import account_of
from lambent.kit.seal import Seal, SealBroken
from lambent.neighbours.iam.keys import Keys, ensure_administrator, write_credentials
from lambent.wire.errors import ApiError

ADA = "arn:aws:iam::111111111111:user/ada"
ACCOUNT = "111111111111"


@pytest.fixture
async def keys(iam: Any) -> Keys:
    found = Keys(iam.records, iam.seal)
    await found.start()
    return found


async def created(iam: Any) -> dict[str, str]:
    await iam("CreateUser", account=ACCOUNT, UserName="ada")
    return dict((await iam("CreateAccessKey", account=ACCOUNT, UserName="ada"))["AccessKey"])


async def test_a_key_is_found_as_soon_as_it_is_made(iam: Any, keys: Keys) -> None:
    key = await created(iam)
    found = keys.find(key["AccessKeyId"])
    assert found is not None
    assert found.secret == key["SecretAccessKey"]
    assert found.principal.arn == ADA
    assert found.principal.account == account_of(key["AccessKeyId"]) == ACCOUNT
    assert found.principal.access_key == key["AccessKeyId"]
    assert not found.principal.is_root


async def test_a_key_is_found_after_a_restart(iam: Any) -> None:
    key = await created(iam)
    later = Keys(iam.records, iam.seal)
    await later.start()
    found = later.find(key["AccessKeyId"])
    assert found is not None
    assert found.secret == key["SecretAccessKey"]


async def test_keys_changed_while_the_others_are_read_are_right(iam: Any) -> None:
    gone = await created(iam)
    read = iam.records.list

    async def slow_list(prefix: str, **options: Any) -> Any:
        found = await read(prefix, **options)
        if found and prefix == "iam/keys/":
            nonlocal fresh
            iam.records.list = read
            fresh = (await iam("CreateAccessKey", account=ACCOUNT, UserName="ada"))["AccessKey"]["AccessKeyId"]
            await iam("DeleteAccessKey", account=ACCOUNT, UserName="ada", AccessKeyId=gone["AccessKeyId"])
        return found

    fresh = ""
    iam.records.list = slow_list
    later = Keys(iam.records, iam.seal)
    await later.start()
    assert later.find(gone["AccessKeyId"]) is None
    assert later.find(fresh) is not None


async def test_the_secret_is_nowhere_in_the_records(iam: Any) -> None:
    key = await created(iam)
    stored = b"".join(record.value for record in await iam.records.list(""))
    assert key["SecretAccessKey"].encode() not in stored


async def test_a_key_of_another_master_key_says_so(iam: Any) -> None:
    key = await created(iam)
    other = Keys(iam.records, Seal(secrets.token_bytes(32)))
    await other.start()
    with pytest.raises(SealBroken):
        other.find(key["AccessKeyId"])


async def test_an_inactive_key_is_not_found_until_it_is_active_again(iam: Any, keys: Keys) -> None:
    key = await created(iam)
    named = {"account": ACCOUNT, "UserName": "ada", "AccessKeyId": key["AccessKeyId"]}
    await iam("UpdateAccessKey", Status="Inactive", **named)
    assert keys.find(key["AccessKeyId"]) is None
    listed = (await iam("ListAccessKeys", account=ACCOUNT, UserName="ada"))["AccessKeyMetadata"]
    assert [(k["AccessKeyId"], k["Status"]) for k in listed] == [(key["AccessKeyId"], "Inactive")]
    await iam("UpdateAccessKey", Status="Active", **named)
    assert keys.find(key["AccessKeyId"]) is not None


async def test_a_deleted_key_is_not_found(iam: Any, keys: Keys) -> None:
    key = await created(iam)
    assert keys.find(key["AccessKeyId"]) is not None
    await iam("DeleteAccessKey", account=ACCOUNT, UserName="ada", AccessKeyId=key["AccessKeyId"])
    assert keys.find(key["AccessKeyId"]) is None
    assert (await iam("ListAccessKeys", account=ACCOUNT, UserName="ada"))["AccessKeyMetadata"] == []


async def test_a_key_deleted_and_changed_at_once_does_not_come_back(iam: Any, keys: Keys) -> None:
    key = await created(iam)
    named = {"account": ACCOUNT, "UserName": "ada", "AccessKeyId": key["AccessKeyId"]}
    await asyncio.gather(
        iam("UpdateAccessKey", Status="Inactive", **named),
        iam("DeleteAccessKey", **named),
        iam("UpdateAccessKey", Status="Active", **named),
        return_exceptions=True,
    )
    assert keys.find(key["AccessKeyId"]) is None
    assert await iam.records.list("iam/keys/") == []


async def test_nobody_has_more_than_two_keys(iam: Any) -> None:
    await created(iam)
    results = await asyncio.gather(
        *(iam("CreateAccessKey", account=ACCOUNT, UserName="ada") for _ in range(3)), return_exceptions=True
    )
    refused = [r for r in results if isinstance(r, ApiError)]
    assert [error.code for error in refused] == ["LimitExceeded"] * 2
    assert {error.message for error in refused} == {"Cannot exceed quota for AccessKeysPerUser: 2"}


@pytest.mark.parametrize("operation", ["DeleteAccessKey", "UpdateAccessKey"])
async def test_a_key_of_somebody_else_cannot_be_touched(iam: Any, operation: str) -> None:
    key = await created(iam)
    await iam("CreateUser", account=ACCOUNT, UserName="eve")
    status = {"Status": "Inactive"} if operation == "UpdateAccessKey" else {}
    with pytest.raises(ApiError) as raised:
        await iam(operation, account=ACCOUNT, UserName="eve", AccessKeyId=key["AccessKeyId"], **status)
    assert raised.value.code == "NoSuchEntity"
    assert raised.value.message == f"The Access Key with id {key['AccessKeyId']} cannot be found."


async def test_a_user_may_make_keys_of_its_own(iam: Any, keys: Keys) -> None:
    await iam("CreateUser", account=ACCOUNT, UserName="ada")
    key = (await iam("CreateAccessKey", account=ACCOUNT, arn=ADA))["AccessKey"]
    assert key["UserName"] == "ada"
    found = keys.find(key["AccessKeyId"])
    assert found is not None
    assert found.principal.arn == ADA


# -- the administrator --------------------------------------------------------------------------------------------


async def test_the_administrator_is_made_once(iam: Any, keys: Keys) -> None:
    first = await ensure_administrator(iam.records, iam.seal, ACCOUNT, now=1.0)
    assert await ensure_administrator(iam.records, iam.seal, ACCOUNT, now=2.0) == first
    assert first.principal.is_root
    assert first.principal.arn == f"arn:aws:iam::{ACCOUNT}:root"
    assert first.principal.user_id == ACCOUNT
    assert keys.find(first.principal.access_key) == first


async def test_two_starts_at_once_make_one_administrator(iam: Any) -> None:
    made = await asyncio.gather(*(ensure_administrator(iam.records, iam.seal, ACCOUNT, now=1.0) for _ in range(3)))
    assert len(set(made)) == 1


async def test_the_administrator_may_change_its_keys(iam: Any, keys: Keys) -> None:
    first = await ensure_administrator(iam.records, iam.seal, ACCOUNT, now=1.0)
    second = (await iam("CreateAccessKey", account=ACCOUNT))["AccessKey"]["AccessKeyId"]
    await iam("DeleteAccessKey", account=ACCOUNT, AccessKeyId=first.principal.access_key)
    assert keys.find(first.principal.access_key) is None
    now = await ensure_administrator(iam.records, iam.seal, ACCOUNT, now=3.0)
    assert now.principal.access_key == second
    await iam("UpdateAccessKey", account=ACCOUNT, AccessKeyId=second, Status="Inactive")
    third = await ensure_administrator(iam.records, iam.seal, ACCOUNT, now=3.0)
    assert third.principal.access_key not in (first.principal.access_key, second)


async def test_the_administrators_key_is_written_for_its_owner_only(iam: Any, tmp_path: Path) -> None:
    key = await ensure_administrator(iam.records, iam.seal, ACCOUNT, now=1.0)
    file = tmp_path / "credentials"
    file.write_text("old")
    file.chmod(0o644)
    write_credentials(file, key, region="eu-west-1", endpoint="http://127.0.0.1:4566")
    assert file.stat().st_mode & 0o777 == 0o600
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    assert dict(parser["default"]) == {
        "aws_access_key_id": key.principal.access_key,
        "aws_secret_access_key": key.secret,
        "region": "eu-west-1",
        "endpoint_url": "http://127.0.0.1:4566",
    }
    written = file.stat()
    write_credentials(file, key, region="eu-west-1", endpoint="http://127.0.0.1:4566")
    assert file.stat().st_ino == written.st_ino
    assert [f.name for f in tmp_path.iterdir()] == ["credentials"]
