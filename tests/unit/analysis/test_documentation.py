"""The examples in docs/rules.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"
RULE = re.compile(r"<!-- rule: (.*) -->")
STORY = re.compile(r"    (\d\S*:\S+(?: \S+)*)  +(.*)")
REPORTED = re.compile(r"    =(?: (.*))?")


def examples():
    keys, story = {}, None
    for line in PAGE.read_text().splitlines():
        if rule := RULE.fullmatch(line):
            keys = {
                key: tuple(map(float, value[1:-1].split(","))) if "(" in value else float(value)
                for key, value in re.findall(r"(\w+)=(\([^)]*\)|[^,]+)", rule[1])
            }
        elif reported := REPORTED.fullmatch(line):
            yield pytest.param(keys, story[1], reported[1] or "", id=story[2])
        elif keys:
            story = STORY.fullmatch(line) or story


@pytest.mark.parametrize(("keys", "story", "reported"), list(examples()))
def test_an_example_says_what_the_page_says(heard, keys, story, reported):
    assert heard(story, **keys) == reported


def test_the_page_has_examples():
    assert len(list(examples())) > 15
