"""Topic templates: what is subscribed to, what topics tell, what is no template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ModelError
from protocols.push.topic import TopicTemplate


@pytest.mark.parametrize(
    ("template", "subscription", "topic", "fields"),
    [
        ("hes/{line}/{address}/up", "hes/+/+/up", "hes/l1/000000000001/up", {"line": "l1", "address": "000000000001"}),
        ("meters/{meter}/json", "meters/+/json", "meters/楼1 M-1/json", {"meter": "楼1 M-1"}),
        ("{meter}", "+", "M", {"meter": "M"}),
        ("a/{model}/dtu-{line}.x", "a/+/+", "a/any/dtu-7.x", {"line": "7"}),
        ("all", "all", "all", {}),
    ],
)
def test_template(template: str, subscription: str, topic: str, fields: dict[str, str]) -> None:
    made = TopicTemplate(template)
    assert made.subscription == subscription
    assert made.match(topic) == fields
    assert made.match(topic) == fields
    assert made.match(topic + "/more") is None
    assert made.match("x" + topic + "x/") is None


@pytest.mark.parametrize("topic", ["hes//1/up", "hes/1/up", "hes/1/2/UP", "hes/1/2/3/up", "", "hes/1/2/up\n"])
def test_other_topics_tell_nothing(topic: str) -> None:
    assert TopicTemplate("hes/{line}/{address}/up").match(topic) is None


def test_text_with_signs_stands_for_itself() -> None:
    assert TopicTemplate("a.b/{meter}").match("aXb/1") is None


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("", "empty"),
        ("a//b", "a level is empty"),
        ("/a", "a level is empty"),
        ("a/", "a level is empty"),
        ("a/#", "'#'"),
        ("a/+/b", "'+'"),
        ("a/b+", "'+'"),
        ("a\0b", "x00"),
        ("$share/g/a/{meter}", "shared subscriptions"),
        ("{meter}/{meter}", "stands twice"),
        ("{meter}{line}", "two fields"),
        ("a/{Meter}", "a field is written"),
        ("a/{meter", "a field is written"),
        ("a/}", "a field is written"),
        ("a/{}", "a field is written"),
        ("a/{{meter}}", "a field is written"),
        ("a" * 70_000, "longer"),
    ],
)
def test_no_template(template: str, problem: str) -> None:
    with pytest.raises(ModelError, match="not a topic template") as error:
        TopicTemplate(template)
    assert problem in str(error.value)


@pytest.mark.parametrize("value", ["", "a/b", "a+", "#", "\0"])
def test_no_topic_of_what_no_level_holds(value: str) -> None:
    with pytest.raises(ModelError, match="cannot stand for"):
        TopicTemplate("a/{meter}").fill({"meter": value})


def test_no_topic_without_a_field() -> None:
    with pytest.raises(ModelError, match=r"\{line\}"):
        TopicTemplate("a/{meter}/{line}").fill({"meter": "1"})


_VALUES = st.text(st.characters(exclude_characters="+#\0/", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(fields=st.fixed_dictionaries({"line": _VALUES, "address": _VALUES, "seq": _VALUES}))
def test_what_was_filled_in_is_told_again(fields: dict[str, str]) -> None:
    template = TopicTemplate("hes/{line}/x-{address}-y/{seq}")
    told = {name: value for name, value in fields.items() if name != "seq"}
    assert template.match(template.fill(fields)) == told
