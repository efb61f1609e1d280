"""The filter language says what it is told, and says it again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.dataset import RULES, Filter, Search, Sort
from tui.errors import UsageError

ROLES = ("system", "developer", "user", "assistant", "tool", "function", "other")
FEATURES = ("tools", "calls", "images", "weights", "names", "blank")
SCRIPTS = ("latin", "cyrillic", "han", "kana", "other")


def _some(words: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(words), max_size=3)


def _bounds() -> st.SearchStrategy[tuple[int | None, int | None]]:
    number = st.none() | st.integers(0, 10**9)
    return st.tuples(number, number).filter(
        lambda pair: pair[0] is None or pair[1] is None or pair[0] <= pair[1]
    )


def _searchable(search: Search) -> bool:
    try:
        re.compile(search.text if search.regex else "")
    except re.error:
        return False
    return True


TEXT = st.text(min_size=1, max_size=20) | st.text('/\\" \nab:=.', min_size=1, max_size=8)
FILTERS = st.builds(
    Filter,
    codes=_some(tuple(RULES)),
    severities=_some(("error", "warning", "advice")),
    roles=_some(ROLES),
    without=_some(ROLES),
    features=_some(FEATURES),
    scripts=_some(SCRIPTS),
    tokens=_bounds(),
    assistant=_bounds(),
    messages=_bounds(),
    label=st.none() | st.tuples(TEXT.filter(lambda path: "=" not in path), st.text(max_size=9)),
    search=st.none()
    | st.builds(
        Search, TEXT, regex=st.booleans(), case=st.booleans(), role=st.none() | TEXT
    ).filter(_searchable),
)


@given(FILTERS)
def test_a_filter_written_and_read_is_the_same(wanted: Filter) -> None:
    assert Filter.parse(wanted.to_text()) == wanted


@given(FILTERS)
def test_words_name_what_is_asked_for(wanted: Filter) -> None:
    words = wanted.words()
    assert (words == "all records") == wanted.empty
    assert all(code in words for code in wanted.codes)
    assert wanted.search is None or wanted.search.text in words


@given(st.text(max_size=40) | st.text('/"\\: abir.=<>1', max_size=20))
def test_whatever_is_typed_is_read_or_refused_in_words(text: str) -> None:
    try:
        wanted = Filter.parse(text)
    except UsageError:
        return
    assert Filter.parse(wanted.to_text()) == wanted


def test_the_language() -> None:
    wanted = Filter.parse(
        "code:blank_content,data_type severity:error role:tool has:tools has:calls script:han "
        "without:system,developer assistant:<10 "
        'tokens:100..500 messages:>4 label:metadata.kind="to refund" /a b/i in:user'
    )
    assert wanted == Filter(
        codes=frozenset({"blank_content", "data_type"}),
        severities=frozenset({"error"}),
        roles=frozenset({"tool"}),
        without=frozenset({"system", "developer"}),
        features=frozenset({"tools", "calls"}),
        scripts=frozenset({"han"}),
        tokens=(100, 500),
        assistant=(None, 9),
        messages=(5, None),
        label=("metadata.kind", "to refund"),
        search=Search("a b", case=False, role="user"),
    )
    assert wanted.words() == (
        "errors, blank_content or data_type, 100 to 500 tokens, at most 9 assistant tokens, "
        "at least 5 messages, with tools and tool calls, with tool messages, "
        "without system or developer messages, with Han letters, "
        "metadata.kind is “to refund”, with “a b” in any case in user messages"
    )
    assert wanted.needs_facets


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("5", (5, 5)),
        ("=5", (5, 5)),
        (">5", (6, None)),
        (">=5", (5, None)),
        ("<5", (None, 4)),
        ("<=5", (None, 5)),
        ("5..", (5, None)),
        ("..5", (None, 5)),
        ("5..7", (5, 7)),
    ],
)
def test_ranges(text: str, bounds: tuple[int | None, int | None]) -> None:
    assert Filter.parse(f"tokens:{text}").tokens == bounds


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("/A b/", Search("A b", case=True)),
        ("/A b/i", Search("A b")),
        (r"/\d+\/\d/r", Search(r"\d+/\d", regex=True, case=True)),
        ("/x/ri", Search("x", regex=True)),
        ('text:"say \\"x\\" /y"', Search('say "x" /y', case=True)),
        ("regex:a.c case:no in:tool", Search("a.c", regex=True, role="tool")),
    ],
)
def test_searches(text: str, search: Search) -> None:
    assert Filter.parse(text).search == search


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("refund", "/refund/"),
        ("roles:user", "did you mean role:"),
        ("role:usr", "system, developer, user"),
        ("code:blank_contnt", "blank_content"),
        ("severity:bad", "error, warning, advice"),
        ("tokens:many", "100..500"),
        ("tokens:9..3", "100..500"),
        ("tokens:..", "100..500"),
        ("messages:<0", "messages:>4"),
        ("label:kind", "label:PATH=VALUE"),
        ("/open", "/text/"),
        ('text:"open', "close it"),
        ("/x/q", "ignore case"),
        ("//", "between the slashes"),
        ("has:", "has:tools"),
        ("in:user", "/text/"),
        ("/a/ /b/", "once"),
        ("tokens:1 tokens:2", "once"),
        ("/(/r", "backslash"),
        ("regex:[ case:no", "backslash"),
    ],
)
def test_errors_name_what_there_is(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Filter.parse(text)
    assert told in caught.value.hint


def test_orders() -> None:
    assert Sort("-tokens").words() == "most tokens first"
    assert Sort.TOKENS.turned() is Sort.TOKENS_DOWN
    assert Sort.TOKENS_DOWN.turned() is Sort.TOKENS
    assert all(sort.words() for sort in Sort)
    assert not Sort.SIZE.needs_facets
