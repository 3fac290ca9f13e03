"""The same question, and one that is asked again in other words."""

import pytest

from proxy.core.asking_again import LENGTH_LIMIT, digest_of, normalised, times_again


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("How do I log in?", "how do i LOG in", True, id="case and marks"),
        pytest.param("Hello,  how do I\nlog in", "How do I log in?", True, id="greeting and spaces"),
        pytest.param("ﬁle size", "file size", True, id="one letter or two"),
        pytest.param("How do I log in?", "How do I log out?", False, id="another question"),
        pytest.param("hi", "hello", False, id="a greeting alone is what it is"),
        pytest.param("Größe", "GRÖSSE", True, id="sharp s"),
        pytest.param("退款", "退款?", True, id="no spaces between words"),
    ],
)
def test_which_questions_are_the_same(one, other, same):
    """Questions with the same words are one."""
    assert (digest_of(one) == digest_of(other)) is same


@pytest.mark.parametrize("text", ["", " ", "?!", "🙂"])
def test_without_words_there_is_no_question(text):
    """A text without words is no question."""
    assert (normalised(text), digest_of(text)) == ("", 0)


def test_numbers_of_questions_fit_the_database():
    """The number of a question is positive and has 63 bits, whatever its text."""
    assert all(0 < digest_of(text) < 2**63 for text in ("a", "x" * 10_000, "a\ud800", "a\x00b"))
    assert digest_of("a" * LENGTH_LIMIT + "b") == digest_of("a" * LENGTH_LIMIT + "c")


@pytest.mark.parametrize(
    ("questions", "times"),
    [
        pytest.param(["How do I reset my password?", "password reset how??"], 1, id="other words"),
        pytest.param(["How do I reset my password?", "How do I reset my password?"], 1, id="the same words"),
        pytest.param(
            ["How do I reset my password?", "How do I delete my account?"], 0, id="only words of any question"
        ),
        pytest.param(["reset my password", "thanks", "please reset the password!"], 1, id="not the one before"),
        pytest.param(["password", "password"], 0, id="one word says too little"),
        pytest.param(["export to CSV fails", "CSV export", "csv export fails again"], 2, id="twice"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_what_is_asked_again(questions, times):
    """A question is asked again when most words that mean something stood in an earlier one."""
    assert times_again(questions) == times
