"""Ratios, failures and the last line, which machines read."""

import json

import pytest

from bench.__main__ import main
from bench.report import report
from bench.rounds import Duel, Findings, duel, interleave


def test_the_median_of_interleaved_rounds_counts_and_the_first_one_changes(capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[str] = []

    def side(name: str, figures: list[float]):
        def once(at: int) -> float:
            turns.append(name)
            return figures[at]

        return once

    found = interleave(3, side("ours", [100.0, 300.0, 200.0]), side("baseline", [10.0, 10.0, 40.0]), name="x")
    assert turns == ["ours", "baseline", "baseline", "ours", "ours", "baseline"]
    best = duel("x", "events/s", found, least=20)
    assert (best.ours, best.baseline, best.ratio, best.met) == (200.0, 10.0, 20.0, True)
    assert capsys.readouterr().out == ""


def test_of_times_the_lower_one_is_better() -> None:
    assert Duel("x", "ms", 20.0, 100.0, 5.0, higher_is_better=False).ratio == 5.0


def test_the_last_line_is_json_and_a_ratio_not_met_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "a": Findings([Duel("a", "events/s", 30.0, 10.0, 2.0)]),
        "b": Findings([Duel("b", "ms", 30.0, 60.0, 5.0, higher_is_better=False)]),
    }
    assert report(found) == 1
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1]) == {
        "a": {"ours": 30.0, "baseline": 10.0, "ratio": 3.0},
        "b": {"ours": 30.0, "baseline": 60.0, "ratio": 2.0},
    }
    assert "b: 2.0x, not 5x" in said.err
    assert report({"a": found["a"]}) == 0
    assert report({"a": Findings(found["a"].duels, failures=["p99"])}) == 1


def test_a_bench_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BENCH", "webhok")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main() == 2
    assert "webhok" in capsys.readouterr().err
