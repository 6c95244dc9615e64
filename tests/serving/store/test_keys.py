from __future__ import annotations

from serving.store import audit, keys
from serving.store.erase import compact
from tests.serving.store.making import TENANT


def test_a_key_opens_until_it_expires_or_is_revoked(store):
    with store.writing() as connection:
        made = keys.create(connection, TENANT, "crm", ["score", "jobs", "score"], 100, 10)
        found = keys.find(connection, made.key_id)
        assert keys.find(connection, "0123456789") is None
    assert found is not None
    assert (found.tenant, found.name, found.scopes) == (TENANT, "crm", frozenset({"score", "jobs"}))
    parts = keys.parse(made.text)
    assert parts is not None
    key_id, secret = parts
    assert key_id == made.key_id
    assert found.opens(secret, 99)
    assert not found.opens(secret, 100)
    assert not found.opens(secret[:-1] + ("a" if secret[-1] != "a" else "b"), 99)
    with store.writing() as connection:
        assert keys.revoke(connection, key_id, 50)
        assert not keys.revoke(connection, key_id, 51)
        assert not keys.revoke(connection, "0123456789", 51)
        revoked = keys.find(connection, key_id)
        assert [entry.action for entry in audit.entries(connection, TENANT, subject=key_id)] == [
            "key_revoked",
            "key_created",
        ]
    assert revoked is not None
    assert not revoked.opens(secret, 60)


def test_keys_are_listed_by_tenant(store):
    with store.writing() as connection:
        for at, tenant in enumerate(["one", "two", "one"]):
            keys.create(connection, tenant, f"key {at}", ["score"], None, at)
        assert [key.name for key in keys.list_of(connection, "one")] == ["key 0", "key 2"]
        assert len(keys.list_of(connection)) == 3


def test_nothing_else_is_a_key():
    secret = "x" * 43
    for text in (
        "",
        "ll",
        "ll_",
        f"ll_short_{secret}",
        f"xx_0123456789_{secret}",
        f"ll_0123456789_{secret}x",
        "é" * 57,
    ):
        assert keys.parse(text) is None
    assert keys.parse(f"ll_0123456789_{'_' * 43}") == ("0123456789", "_" * 43)


def test_secrets_are_in_no_file_and_in_no_repr(file_store):
    with file_store.writing() as connection:
        made = [keys.create(connection, TENANT, "crm", ["score"], None, 1) for _ in range(20)]
    texts = [keys.parse(one.text)[1] for one in made]
    with file_store.reading() as connection:
        listed = repr(keys.list_of(connection)) + repr(made)
        files = b"".join(path.read_bytes() for path in file_store.file.parent.iterdir())
    assert made[0].key_id.encode() in files
    assert not [text for text in texts if text.encode() in files or text in listed]
    compact(file_store)
    assert not [text for text in texts if text.encode() in file_store.file.read_bytes()]
