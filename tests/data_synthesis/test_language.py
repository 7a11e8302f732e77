import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_synthesis.language import clauses, content_words, phrases, stem


@pytest.mark.parametrize(
    ("one", "other"),
    [("strawberries", "strawberry"), ("Boxes", "box"), ("shoes", "shoe"), ("kids'", "kid"), ("glass", "glass")],
)
def test_a_plural_and_its_singular_have_one_stem(one: str, other: str) -> None:
    assert stem(one.strip("'")) == stem(other)


def test_figures_units_and_function_words_name_nothing() -> None:
    assert content_words("typical price $2.49") == ("typical",)
    assert content_words("12 oz of the chalk bags, often bought with ropes") == ("chalk", "bag", "rope")


def test_a_point_falls_into_runs_of_naming_words() -> None:
    assert phrases("often bought with strawberries") == (("strawberry",),)
    assert phrases("chalk bag for climbing") == (("chalk", "bag"), ("climbing",))


def test_the_head_of_a_run_is_its_last_word() -> None:
    (clause,) = clauses("Corn chips, 9 oz", "")
    assert clause.words == {"corn", "chip"}
    assert clause.heads == {"chip"}


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    content_words(text)
    phrases(text)
    clauses(text, text)
