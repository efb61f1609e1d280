"""The Sample screen: several models, one prompt, answers side by side as they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.aids import screen_text
from tests.app.job_fakes import application, until
from tests.jobs.keeper import Keeper
from tests.jobs.test_results import launched
from tui.config import Paths, ProviderConfig
from tui.jobs import CallError, Checkpoint, ModelEntry, open_ledger
from tui.messages import SampleRun
from tui.screens.sample import SampleScreen
from widgets.answer_pane import AnswerPane

TUNED = "ft:base:acme:support:abc"
FAR = ProviderConfig("fake", "compatible", "https://far.example/v1")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr("tui.screens.sample.FRAME", 0.05)
    found = Keeper(
        {
            "base": lambda text: f"I do not know about {text}",
            "good": "The lamp is green and warm today.",
            TUNED: "The lamp is red and warm today.",
        },
        name="fake",
    )
    found.add(fine_tuned_model=TUNED, suffix="support")
    found.entries = [
        ModelEntry("base", "acme", 1, None),
        ModelEntry("good", "acme", 1, None),
        ModelEntry(TUNED, "acme", 2, None),
    ]
    return found


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.jsonl"
    records = [
        {
            "messages": [
                {"role": "user", "content": f"Question {n}"},
                {"role": "assistant", "content": "The lamp is green and warm today."},
            ]
        }
        for n in range(1, 4)
    ]
    records.append({"messages": [{"role": "user", "content": "Without a reference"}]})
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def app(lab, home, monkeypatch):
    return application(lab, home, monkeypatch)


async def sample_screen(pilot, *models: str, **more: str) -> SampleScreen:
    app = pilot.app
    await pilot.pause()
    app.post_message(SampleRun(tuple(models), **more))
    await until(pilot, lambda: isinstance(app.screen, SampleScreen), "the Sample screen")
    await until(pilot, lambda: not app.screen._reading, "the prompts")
    await until(
        pilot,
        lambda: all(c.model or c.trouble for c in app.screen._samples.columns),
        "the models",
    )
    await pilot.pause()
    return app.screen


def panes(app) -> list[AnswerPane]:
    return [pane for pane in app.screen.query(AnswerPane) if pane.display]


def marked(pane: AnswerPane) -> set[str]:
    return {pane.view.text[start:end].strip() for start, end in pane.view.marks}


@pytest.mark.parametrize(("size", "columns"), [((160, 45), 3), ((80, 24), 2), ((60, 24), 1)])
async def test_answers_stand_beside_the_reference(app, held, size, columns) -> None:
    async with app.run_test(size=size) as pilot:
        screen = await sample_screen(pilot, "good", TUNED, prompts=str(held))
        await until(pilot, lambda: len(panes(app)) == 3, "three panes")
        assert "not asked yet" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and "exact" in screen_text(app))
        reference, good, tuned = panes(app)
        assert reference.view.title == "reference"
        assert good.view.said.startswith("exact")
        assert good.view.marks == ()
        assert marked(tuned) == {"red"}
        assert tuned.view.said.startswith("0.88 alike")
        tops = [pane.region.y for pane in (reference, good, tuned)]
        assert tops.count(tops[0]) == columns
        text = screen_text(app)
        assert "Question 1" in text
        assert "support:abc" in text
        assert "prompt 1 of 4, line 1" in text


async def test_words_that_differ_are_told_without_colour(app, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, TUNED, prompts=str(held))
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and panes(app)[1].view.marks)
        strip = panes(app)[1].render_line(1)
        red = next(segment for segment in strip if "red" in segment.text)
        assert red.style is not None
        assert red.style.underline
        assert not next(s for s in strip if "lamp" in s.text).style.underline


async def test_without_a_reference_answers_are_compared_to_the_first(app, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, "good", TUNED, prompts=str(held))
        await pilot.press("n", "n", "n", "n")
        await until(pilot, lambda: "Without a reference" in screen_text(app))
        await until(pilot, lambda: len(panes(app)) == 2, "no pane of a reference")
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and panes(app)[1].view.marks)
        assert panes(app)[0].view.marks == ()
        assert marked(panes(app)[1]) == {"red"}
        await pilot.press("p")
        await until(pilot, lambda: len(panes(app)) == 3, "the reference again")


async def test_answers_come_word_by_word_and_esc_stops_them(app, lab, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, "good", prompts=str(held))
        lab.gate.clear()
        await pilot.press("enter")
        await until(pilot, lambda: panes(app)[1].view.said == "asked")
        lab.gate.set()
        await until(pilot, lambda: "The" in panes(app)[1].view.text)
        await until(pilot, lambda: not screen._asking)
        lab.gate.clear()
        await pilot.press("n", "enter")
        await until(pilot, lambda: panes(app)[1].view.said == "asked")
        await pilot.press("escape")
        await until(pilot, lambda: panes(app)[1].view.said == "stopped")
        assert not screen._asking
        lab.gate.set()
        await pilot.press("enter")
        await until(pilot, lambda: panes(app)[1].view.said.startswith("exact"))


async def test_no_request_is_sent_twice_unless_asked_for(app, lab, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, "good", prompts=str(held))
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and "exact" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "All have answered" in screen_text(app))
        assert set(lab.sent.values()) == {1}
        await pilot.press("n", "p")
        assert "exact" in screen_text(app)
        await pilot.press("a")
        await until(pilot, lambda: lab.sent["good", "Question 1"] == 2)


async def test_a_model_that_fails_leaves_the_others_be(app, lab, held) -> None:
    lab.says["gone"] = CallError("no \x1b[31mmodel", "name another", status=404)
    async with app.run_test(size=(160, 30)) as pilot:
        screen = await sample_screen(pilot, "gone", "good", "ftjob-none", prompts=str(held))
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and "exact" in screen_text(app))
        text = screen_text(app)
        assert "failed" in text
        assert "name another" in text
        assert "there is no job ftjob-none" in text
        assert "\x1b" not in text


async def test_a_job_stands_for_its_model(app, lab, held) -> None:
    lab.kept = (Checkpoint("a", 10, "good", 1, {"valid_loss": 0.5}),)
    async with app.run_test(size=(160, 30)) as pilot:
        screen = await sample_screen(pilot, "ftjob-1", "ftjob-1@10", prompts=str(held))
        assert [column.model.model for column in screen._samples.columns] == [TUNED, "good"]


async def test_a_run_is_shown_beside_its_base(app, lab, held) -> None:
    async with app.run_test(size=(160, 30)) as pilot:
        screen = await sample_screen(pilot, "ftjob-1", prompts=str(held))
        await until(pilot, lambda: len(screen._samples.columns) == 2, "the base model")
        assert [column.label for column in screen._samples.columns] == ["support:abc", "base"]
        await pilot.press("minus", "minus")
        await until(pilot, lambda: not screen._samples.columns)


async def test_a_prompt_typed_by_hand(app, lab, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, "base", prompts=str(held))
        await pilot.press("t", *"my cat", "enter")
        await until(pilot, lambda: "typed by hand" in screen_text(app))
        await until(pilot, lambda: not screen._asking and "about my cat" in screen_text(app))
        assert lab.sent["base", "my cat"] == 1


async def test_models_are_chosen_from_a_list_and_left_out_again(app, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, prompts=str(held))
        assert "Press m to choose one" in screen_text(app)
        await pilot.press("m")
        await until(pilot, lambda: "Models at fake" in screen_text(app))
        await pilot.press(*"supp", "enter")
        await until(pilot, lambda: len(panes(app)) == 2)
        await until(pilot, lambda: screen._samples.columns[0].model is not None)
        await pilot.press("m")
        await until(pilot, lambda: "Models at fake" in screen_text(app))
        assert "support:abc  from ftjob-1" not in screen_text(app)
        await pilot.press("escape")
        await pilot.press("minus")
        await until(pilot, lambda: "Press m to choose one" in screen_text(app))


async def test_settings_and_files_are_typed(app, lab, held, tmp_path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("From another file\n")
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, "base", prompts=str(held))
        await pilot.press("e")
        await pilot.press(*"temperature=1 tokens=7", "enter")
        await until(pilot, lambda: "temperature=1 tokens=7" in screen_text(app))
        await pilot.press("e", *"heat=1", "enter")
        await until(pilot, lambda: "is not a setting" in screen_text(app))
        await pilot.press("f")
        await pilot.press(*str(other), "enter")
        await until(pilot, lambda: "From another file" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and lab.options)
        assert lab.options[0] == {"temperature": 1.0, "max_tokens": 7}
        await pilot.press("f")
        await pilot.press(*"/nowhere", "enter")
        await until(pilot, lambda: "/nowhere" in screen_text(app))


async def test_prompts_that_were_trained_on_are_told(app, held) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await sample_screen(pilot, "good", prompts=str(held), trained_on=str(held))
        assert "These prompts were trained on" in screen_text(app)


async def test_the_open_dataset_gives_the_prompts_unless_named(app) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await sample_screen(pilot, "good")
        await until(pilot, lambda: "prompt 1 of 12" in screen_text(app))


async def test_a_run_brings_the_file_it_was_validated_on(app, lab, held) -> None:
    ledger = open_ledger(Paths.resolve().state)
    launched(ledger, "ftjob-1", {}, at=lab.endpoint, recipe={"validation": str(held)})
    ledger.close()
    async with app.run_test(size=(120, 30)) as pilot:
        await sample_screen(pilot, "job:ftjob-1")
        await until(pilot, lambda: "held.jsonl" in screen_text(app))
        assert "prompt 1 of 4" in screen_text(app)


async def test_the_jobs_screen_leads_here(app) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        app.action_mode("jobs")
        await until(pilot, lambda: "ftjob-1" in screen_text(app), "the run")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen), "the Sample screen")
        await until(pilot, lambda: "support:abc" in screen_text(app), "its model")
        await pilot.press("q")
        await until(pilot, lambda: "ftjob-1" in screen_text(app), "the Jobs screen again")


async def test_money_is_asked_about_once(app, lab, held) -> None:
    lab.config = FAR
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await sample_screen(pilot, "good", prompts=str(held))
        await pilot.press("enter")
        await until(pilot, lambda: "Ask this?" in screen_text(app))
        assert "1 request, about" in screen_text(app)
        await pilot.press("n")
        await until(pilot, lambda: not screen._asking)
        assert not lab.sent
        await pilot.press("enter")
        await until(pilot, lambda: "Ask this?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: not screen._asking and "exact" in screen_text(app))
        await pilot.press("n", "enter")
        await until(pilot, lambda: lab.sent["good", "Question 2"] == 1)
        await until(pilot, lambda: not screen._asking)
        # More tokens are more money, which nobody has agreed to.
        await pilot.press("e", *"tokens=5000", "enter")
        await until(pilot, lambda: "tokens=5000" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Ask this?" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not screen._asking)
        assert lab.sent["good", "Question 2"] == 1


async def test_hostile_answers_are_harmless(app, lab, held) -> None:
    lab.says["base"] = "\x1b]0;x\x07 \u202e[bold]x[/] \x9b2J" + " word" * 3000
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await sample_screen(pilot, "base", prompts=str(held))
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and "1 answered" in screen_text(app))
        # What came slowly was followed to its end.
        panes(app)[-1].focus()
        await pilot.press("home")
        await until(pilot, lambda: "[bold]" in screen_text(app))
        assert not {"\x1b", "\u202e", "\x07", "\x9b"} & set(screen_text(app))


async def test_without_a_terminal_that_has_more_than_ascii(lab, home, monkeypatch, held) -> None:
    app = application(lab, home, monkeypatch, ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await sample_screen(pilot, "good", TUNED, prompts=str(held))
        await pilot.press("enter")
        await until(pilot, lambda: not screen._asking and "exact" in screen_text(app))
        assert screen_text(app).isascii()
