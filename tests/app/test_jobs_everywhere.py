"""Several providers in one list, several runs at once: marks, cancels, orders, plain states."""

from __future__ import annotations

import pytest
from textual.message import Message

from tests.app.aids import screen_text
from tests.app.job_fakes import NOW, FakeProvider, application, job, metrics, until
from tui.app import TunedeckApp
from tui.config import Paths, ProviderConfig, Settings
from tui.jobs import Job, open_ledger
from tui.kinds import Can
from tui.messages import CompareRuns, GoLaunch
from tui.screens.jobs import JobsScreen


def named(name: str) -> FakeProvider:
    provider = FakeProvider()
    provider.name = name
    provider.config = ProviderConfig(name, "compatible", f"http://{name}.example/v1")
    provider.endpoint = f"{name} http://{name}.example/v1"
    return provider


def job_of(name: str, job_id: str, status: str = "running", **fields) -> Job:
    made = Job.from_wire({**job(job_id, status, **fields).raw}, name)
    assert made is not None
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """The screen looks again soon: what is tested is what it shows then."""
    for name in ("BUSY", "CALM", "IDLE", "_WORST"):
        monkeypatch.setattr(f"tui.screens.runs_asked.{name}", 0.1)


@pytest.fixture
def places() -> dict[str, FakeProvider]:
    return {name: named(name) for name in ("alpha", "beta")}


@pytest.fixture
def app(places, home, monkeypatch) -> TunedeckApp:
    monkeypatch.setattr("tui.jobs.open_provider", lambda config, paths: places[config.name])
    settings = Settings(
        default_provider="alpha",
        providers={
            "alpha": {"base_url": "http://alpha.example/v1"},
            "beta": {"base_url": "http://beta.example/v1"},
            "nokey": {"base_url": "http://nokey.example/v1", "api_key_env": "NO_SUCH_KEY"},
        },
    )
    made = TunedeckApp(paths=Paths.resolve(), settings=settings)
    file = home.parent / "chat.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 12)
    made.workspace.open(str(file))
    return made


async def jobs_screen(pilot) -> JobsScreen:
    await pilot.pause()
    pilot.app.action_mode("jobs")
    await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen), "the Jobs screen")
    await until(pilot, lambda: pilot.app.screen._asked, "the first answer")
    return pilot.app.screen


async def test_one_down_and_the_other_as_if_alone(app, places) -> None:
    alpha, beta = places["alpha"], places["beta"]
    alpha.add(job_of("alpha", "ftjob-a"), *(metrics(step) for step in range(1, 11)))
    beta.add(job_of("beta", "ftjob-b"))
    beta.down = "nothing answers at beta"
    async with app.run_test(size=(120, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "10/60" in screen_text(app))
        await until(pilot, lambda: "nothing answers at beta" in screen_text(app))
        assert "ftjob-b" not in screen_text(app)
        alpha.add(alpha.jobs["ftjob-a"], *(metrics(step) for step in range(11, 21)))
        await until(pilot, lambda: "20/60" in screen_text(app), "news of the other")
        beta.down = ""
        await until(pilot, lambda: "ftjob-b" in screen_text(app), "it is back by itself")
        assert "nothing answers" not in screen_text(app)
        assert "NO_SUCH_KEY" in screen_text(app), "a key that is missing is told of"
        beta.down = "gone again"
        await until(pilot, lambda: "gone again" in screen_text(app))
        assert "ftjob-b" in screen_text(app), "what is known stays"
        assert "last heard" in screen_text(app)


async def test_runs_of_one_id_at_two_providers_are_two(app, places) -> None:
    for name, place in places.items():
        place.add(job_of(name, "ftjob-same"))
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 2)
        await pilot.press("x")
        await until(pilot, lambda: "Cancel this run?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: sum(len(place.calls) for place in places.values()) == 1)


async def test_several_are_cancelled_with_one_question(app, places) -> None:
    places["alpha"].add(
        job_of("alpha", "ftjob-1", created_at=NOW + 3), *(metrics(step) for step in range(1, 31))
    )
    places["alpha"].add(job_of("alpha", "ftjob-2", created_at=NOW + 2))
    places["beta"].add(job_of("beta", "ftjob-3", created_at=NOW + 1))
    places["beta"].add(job_of("beta", "ftjob-4", "succeeded", created_at=NOW))
    for place in places.values():
        place.cancels_at_once = False
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 4)
        await until(pilot, lambda: "30/60" in screen_text(app))
        await pilot.press("g", "space", "down", "space", "space")
        await until(pilot, lambda: "3 runs marked" in screen_text(app))
        for key in ("enter", "n"):
            await pilot.press("x")
            await until(pilot, lambda: "Cancel these 2 runs?" in screen_text(app))
            assert "30 of 60 steps" in screen_text(app)
            assert "alpha, beta: The provider may bill" in screen_text(app)
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, JobsScreen), f"no after {key}")
        assert not places["alpha"].calls + places["beta"].calls
        await pilot.press("x", "y")
        await until(pilot, lambda: screen_text(app).count("cancelling") == 2)
        await until(pilot, lambda: places["alpha"].calls == [("cancel", "ftjob-1")])
        await until(pilot, lambda: places["beta"].calls == [("cancel", "ftjob-3")])
        assert "marked" not in screen_text(app)
        places["alpha"].set("ftjob-1", "cancelled")
        await until(pilot, lambda: screen_text(app).count("■ cancelled") == 1)
        assert screen_text(app).count("cancelling") == 1


async def test_it_is_said_again_while_a_cancel_is_not_confirmed(app, places, monkeypatch) -> None:
    monkeypatch.setattr("tui.screens.several._SLOW_CANCEL", 0.0)
    places["alpha"].add(job_of("alpha", "ftjob-1"))
    places["alpha"].cancels_at_once = False
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 1)
        await pilot.press("x", "y")
        await until(pilot, lambda: "the provider says running; waiting" in screen_text(app))
        places["alpha"].set("ftjob-1", "cancelled")
        await until(pilot, lambda: "■ cancelled" in screen_text(app))
        await until(pilot, lambda: "waiting" not in screen_text(app))


@pytest.mark.parametrize("heard", [True, False])
async def test_a_cancel_of_an_earlier_start_is_remembered(app, places, heard) -> None:
    running = job_of("alpha", "ftjob-1")
    places["alpha"].add(running)
    ledger = open_ledger(Paths.resolve().state)
    ledger.keep_jobs(places["alpha"].endpoint, [running])
    ledger.keep_cancel(places["alpha"].endpoint, "ftjob-1", heard=heard)
    ledger.close()
    async with app.run_test(size=(140, 30)) as pilot:
        await jobs_screen(pilot)
        words = "still says running" if heard else "may not have heard it"
        await until(pilot, lambda: words in screen_text(app))
        await until(pilot, lambda: ("◌ cancelling" in screen_text(app)) is heard)
        await pilot.press("x")
        await until(pilot, lambda: "Cancel this run?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "■ cancelled" in screen_text(app))


async def test_nothing_is_changed_where_one_only_reads(app, places) -> None:
    app.settings = Settings(
        default_provider="alpha",
        providers={"alpha": {"base_url": "http://alpha.example/v1", "read_only": True}},
    )
    places["alpha"].add(job_of("alpha", "ftjob-1"))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 1)
        for key in ("x", "p"):
            await pilot.press(key)
            await until(pilot, lambda: "Read-only" in screen_text(app))
            assert app.screen is screen
            app.clear_notifications()
            await until(pilot, lambda: "Read-only" not in screen_text(app))
        assert not places["alpha"].calls


async def test_what_a_provider_cannot_do_is_said(app, places) -> None:
    places["alpha"].add(job_of("alpha", "ftjob-1"))
    places["alpha"].abilities["pause"] = Can(False, "it only cancels")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 1)
        await pilot.press("p")
        await until(pilot, lambda: "alpha cannot pause runs: it only cancels" in screen_text(app))
        places["alpha"].abilities["pause"] = Can(True, "it says so")
        await pilot.press("p")
        await until(pilot, lambda: "paused" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: places["alpha"].calls[-1] == ("resume", "ftjob-1"))


async def test_orders_words_and_marks(app, places) -> None:
    places["alpha"].add(job_of("alpha", "ftjob-1", "succeeded", created_at=NOW + 9))
    places["beta"].add(job_of("beta", "ftjob-2", "running", created_at=NOW + 5))
    places["beta"].add(job_of("beta", "ftjob-3", "failed", created_at=NOW + 7))
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await jobs_screen(pilot)
        await until(pilot, lambda: screen.runs.row_count == 3)

        def order() -> list[str]:
            return [row.job.id for row in screen.runs._rows]

        assert order() == ["ftjob-1", "ftjob-3", "ftjob-2"]
        await pilot.press("s")
        await until(pilot, lambda: order() == ["ftjob-2", "ftjob-3", "ftjob-1"])
        await pilot.press("slash", *"beta fail", "enter")
        await until(pilot, lambda: order() == ["ftjob-3"])
        assert "1 of 3 runs" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: len(order()) == 3)
        posted: list[object] = []
        post = app.post_message

        def noting(message: Message) -> bool:
            if isinstance(message, (CompareRuns, GoLaunch)):
                posted.append(message)
                return True
            return post(message)

        app.post_message = noting  # type: ignore[method-assign]
        await pilot.press("g", "c", "space", "space", "c", "a")
        await until(pilot, lambda: len(posted) == 2)
        compared = [message for message in posted if isinstance(message, CompareRuns)]
        assert [set(message.keys) for message in compared] == [
            {("beta", "ftjob-2"), ("beta", "ftjob-3")}
        ]
        (again,) = [message for message in posted if isinstance(message, GoLaunch)]
        assert again.prefill.provider == "alpha"
        assert again.prefill.job == "ftjob-1"


async def test_a_run_that_the_provider_lost_is_gone(app, places) -> None:
    ledger = open_ledger(Paths.resolve().state)
    ledger.keep_jobs(places["alpha"].endpoint, [job_of("alpha", "ftjob-lost")])
    ledger.close()
    async with app.run_test(size=(100, 30)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "gone" in screen_text(app))
        assert "running" not in screen_text(app)


async def test_forty_columns(app, places) -> None:
    places["alpha"].add(
        job_of("alpha", "ftjob-1", user_provided_suffix="x" * 300),
        *(metrics(step) for step in range(1, 31)),
    )
    async with app.run_test(size=(40, 12)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "30/60" in screen_text(app))
        assert "● running" in screen_text(app)
        assert "xxx" in screen_text(app)
        assert max(map(len, screen_text(app).splitlines())) <= 40


async def test_a_key_that_is_missing_says_what_to_do(home, monkeypatch) -> None:
    app = application(FakeProvider(), home, monkeypatch)
    app.settings = Settings(
        default_provider="nokey",
        providers={"nokey": {"base_url": "http://x.example/v1", "api_key_env": "NO_SUCH_KEY"}},
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await jobs_screen(pilot)
        await until(pilot, lambda: "NO_SUCH_KEY is not set" in screen_text(app))
        assert "export NO_SUCH_KEY" in screen_text(app)
