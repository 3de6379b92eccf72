"""Keys as a person at the command line meets them."""

import pytest

from oilcan import cli
from oilcan.io.stores import open_store


@pytest.fixture
def keys(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OILCAN_STORE", f"sqlite:///{tmp_path / 'service.db'}")

    def keys(*words: str) -> tuple[int, str, str]:
        status = cli.main(["keys", *words])
        return (status, *capsys.readouterr())

    return keys


def test_a_created_key_opens_the_service_until_it_is_revoked(keys, tmp_path):
    status, out, err = keys("create", "--name", "press", "--scope", "write")
    token = out.strip()
    assert (status, token[:7], token in err) == (0, "oilcan_", False)
    store = open_store(f"sqlite:///{tmp_path / 'service.db'}")
    assert store.keys.find(token).name == "press"
    assert keys("revoke", "press")[0] == 0
    assert store.keys.find(token) is None
    store.close()


def test_a_token_is_kept_nowhere(keys, tmp_path):
    token = keys("create", "--name", "press", "--scope", "read")[1].strip()
    assert token not in keys("list")[1]
    assert not any(token.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_no_two_tokens_are_the_same(keys):
    assert len({keys("create", "--name", f"k{at}", "--scope", "read")[1] for at in range(5)}) == 5


def test_the_list_tells_when_a_key_was_made_and_revoked(keys):
    keys("create", "--name", "press", "--scope", "admin")
    keys("revoke", "press")
    line = keys("list")[1].splitlines()[1].split()
    assert line[:2] == ["press", "admin"]
    assert [len(word) for word in line[2:]] == [20, 1, 20]


@pytest.mark.parametrize(("words", "said"), [
    (("create", "--name", "Press Line", "--scope", "read"), "is no name"),
    (("revoke", "nobody"), "no key of this name is in use"),
    (("list", "--store", "mysql://x"), "no kind of store")])
def test_what_cannot_be_is_one_message(keys, words, said):
    status, _, err = keys(*words)
    assert status == 1
    assert said in err
