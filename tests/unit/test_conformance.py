"""What the conformance tests cover: every scenario has a test or a reason, every test an item and a sentence."""

import json

import pytest

from tests.support.conformance import catalogue, table
from tests.support.conformance.catalogue import Item, chosen, ids_of, topic
from tests.support.conformance.table import Row

# Section "acceptance scenarios" of the reference; a number that is missing here does not exist there.
SCENARIOS = {
    f"T-{n:02}"
    for n in (*range(1, 6), *range(10, 27), *range(30, 39), *range(40, 52), *range(60, 72), *range(81, 85), 87)
}
TESTS = catalogue.tests()
REMARKS = catalogue.remarks()


def test_every_scenario_has_a_test_or_a_reason() -> None:
    tested = {name for item in TESTS for name in item.ids if name.startswith("T-")}
    assert tested | REMARKS.not_built.keys() == SCENARIOS
    assert not tested & REMARKS.not_built.keys(), "built, so its reason can go"
    assert REMARKS.notes.keys() <= tested


def test_a_scenario_is_one_test() -> None:
    names = [name for item in TESTS for name in item.ids if name.startswith("T-")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("item", TESTS, ids=[item.test for item in TESTS])
def test_a_test_says_which_item_and_what_it_is(item: Item) -> None:
    assert item.ids, f"{item.node}: the name holds no item, as in test_NAT_27_words"
    assert [topic(name) for name in item.ids]
    assert item.sentence.endswith("."), f"{item.node}: the docstring's first line is one whole sentence"


def test_names() -> None:
    assert ids_of("test_T_24_words") == ("T-24",)
    assert ids_of("test_SG_08_T_41_words") == ("T-41", "SG-08")
    assert ids_of("test_L2_01_no_broadcast") == ("L2-01",)
    assert ids_of("test_words_alone") == ()
    assert (topic("T-47"), topic("T-49"), topic("L2-03")) == ("Network ACLs", "Security groups", "Link layer")


def test_sentences() -> None:
    assert catalogue.first_sentence("One. Two.\n\nThree.") == "One. Two."
    assert catalogue.first_sentence("It goes\non. And more.\n\nThree.") == "It goes on."


def test_choosing() -> None:
    items = [Item(("T-41", "SG-08"), "One."), Item(("NAT-27",), "Two.")]
    assert chosen(items, []) == (items, [])
    assert chosen(items, ["sg-08"]) == (items[:1], [])
    assert chosen(items, ["NAT", "T-99"]) == (items[1:], ["T-99"])


def test_the_table() -> None:
    rows = [
        Row(Item(("T-24", "NAT-21"), "A NAT gateway lets nobody in.", "test_a.py", "test_T_24_NAT_21_x"), "pass", 1.0),
        Row(Item(("NAT-21",), "It translates.", "test_a.py", "test_NAT_21_y"), "FAIL", 1.0, "E  assert 1 == 2"),
        Row(Item(("T-26",), "IPv6.", why_not="IPv4 only"), "not built"),
    ]
    text = table.render(rows, 61.5, colours=False, width=80)
    assert text.splitlines()[0] == "Internet"
    assert "  T-24 NAT-21  pass       A NAT gateway lets nobody in.\n" in text
    assert "(IPv4 only)" in text
    assert text.endswith("2 scenarios and 1 other item: 1 pass, 1 FAIL, 1 not built in 1 min 1 s")
    assert "E  assert 1 == 2" in text
    assert "\033" not in text
    assert "\033[1;31mFAIL" in table.render(rows, 0, colours=True, width=80)
    document = json.loads(table.as_json(rows, 61.5))
    assert document["failed"]
    assert [item["result"] for item in document["items"]] == ["pass", "FAIL", "not built"]
