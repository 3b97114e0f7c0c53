"""The scores of several labels as people read them."""

from hounsfield.daemon.cli.score_views import score_lines


def test_each_label_has_a_line_with_its_threshold() -> None:
    detail = {"scores": {"haemorrhage": 0.93, "subdural": 0.6}, "thresholds": {"haemorrhage": 0.5, "subdural": 0.61}}
    assert score_lines(detail) == [
        ("scores", "haemorrhage 0.930  at or above 0.5"),
        ("", "subdural 0.600  below 0.61"),
    ]


def test_one_label_needs_no_line_and_results_of_earlier_versions_have_none() -> None:
    assert score_lines({"scores": {"haemorrhage": 0.93}, "thresholds": {"haemorrhage": 0.5}}) == []
    assert score_lines({"threshold": 0.5, "slice_scores": [0.1, 0.9]}) == []


def test_a_label_cannot_write_to_the_screen_what_is_no_text() -> None:
    detail = {"scores": {"a\x1b[2J": 0.5, "b": 0.1}, "thresholds": {}}
    assert "\x1b" not in "".join(text for _, text in score_lines(detail))
