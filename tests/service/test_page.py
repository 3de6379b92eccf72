"""The crew's page in a real Chromium, against the real service with the small fleet's bundle and three weeks of it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Page, Route, expect
from tests.service.crew_page import Server

FILES = Path(__file__).parents[2] / "src/oilcan/serving/page"
HOSTILE = "<img src=x onerror=document.title='broken'>"


def _cells(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient="records", date_format="iso"))


def _feed(server: Server, data: Path) -> None:
    """All up to the hour at which the riskiest forecast was made; the last three weeks six hours at a time."""
    predicted = pd.read_parquet(data / "predictions/predictions.parquet")
    end = predicted.loc[predicted["p_failure"].idxmax(), "time"]
    machines = pd.read_parquet(data / "canonical/machines.parquet")
    server.post("/v1/machines", {"machines": _cells(machines[["machine_id", "model", "site"]])})
    for name in ("errors", "maintenance"):
        records = pd.read_parquet(data / f"canonical/{name}.parquet")
        server.post(f"/v1/{name}", {"records": _cells(records[records["time"] <= end])})
    telemetry = pd.concat([pd.read_parquet(part) for part in sorted((data / "canonical/telemetry").glob("*.parquet"))])
    telemetry = telemetry[telemetry["time"] <= end].sort_values("time")
    step = telemetry["time"].dt.ceil("6h").where(telemetry["time"] > end - pd.Timedelta(days=21),
                                                 telemetry["time"].dt.ceil("30D"))
    for _, batch in telemetry.groupby(step):
        server.post("/v1/telemetry", {"readings": _cells(batch)})
    server.post("/v1/telemetry", {"readings": [{"machine_id": HOSTILE, "time": end.isoformat()}]})


@pytest.fixture(scope="module")
def server(_small_repo, tmp_path_factory) -> Iterator[Server]:
    started = Server(_small_repo.path / "models/bundle", tmp_path_factory.mktemp("page") / "service.db")
    try:
        _feed(started, _small_repo.path / "data")
        yield started
    finally:
        started.stop()


@pytest.fixture
def visit(chromium, server) -> Iterator[Callable[..., Page]]:
    """Opens the page; whatever the browser complains of, and whatever leaves the service, fails the test."""
    complaints: list[str] = []
    contexts = []

    def begin(path: str = "/", *, width: int = 1280, height: int = 900, quiet: bool = True, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        if quiet:
            page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda err: complaints.append(str(err)))
        page.on("request", lambda asked: asked.url.startswith((server.url, "data:")) or complaints.append(asked.url))
        page.goto(server.url + path)
        return page

    yield begin
    for context in contexts:
        for page in context.pages:
            page.unroute_all(behavior="wait")           # a route still at work would fail the next test
        context.close()
    assert not complaints


def _rows(page: Page) -> list[str]:
    expect(page.locator(".row").first).to_be_attached()
    return page.locator(".row .who strong").all_inner_texts()


def _riskiest(server: Server) -> str:
    return server.get("/v1/alarms?state=open")["alarms"][0]["machine_id"]


def test_alarms_come_first_then_the_riskiest(visit, server):
    shown = _rows(visit())
    fleet = server.get("/v1/machines?size=500")["machines"]
    fleet.sort(key=lambda entry: (not entry["alarm"], -(entry["p_failure"] or 0)))
    assert shown[:8] == [entry["machine_id"] for entry in fleet[:8]]


def test_the_list_is_filtered_by_site_and_by_name(visit, server):
    page = visit()
    _rows(page)
    entry = server.get("/v1/machines?size=1")["machines"][0]
    page.get_by_label("Site").select_option(entry["static"]["site"])
    of_site = {each["machine_id"] for each in server.get(f"/v1/machines?size=500&filter=site:{entry['static']['site']}")
               ["machines"]}
    assert set(_rows(page)) == of_site
    page.get_by_label("Find").fill(entry["machine_id"])
    assert _rows(page) == [entry["machine_id"]]
    page.get_by_label("Find").fill("no such machine")
    expect(page.get_by_text("No machine fits these filters.")).to_be_visible()


def test_a_machine_above_the_threshold_without_an_alarm_is_not_called_calm(visit, server):
    name = _riskiest(server)

    def without_alarm(route):
        answer = route.fetch()
        content = answer.json()
        for entry in content["machines"]:
            if entry["machine_id"] == name:
                entry["alarm"] = None           # as while the policy is quiet after an alarm
        route.fulfill(response=answer, json=content)

    page = visit()
    page.route("**/v1/machines?*", without_alarm)
    page.get_by_role("button", name="Reload").click()
    expect(page.locator(".row.silenced", has_text=name)).to_be_attached()
    expect(page.locator("#facts")).to_contain_text("above the threshold, no new alarm")


def test_the_page_says_if_the_gate_did_not_promote_the_model(visit, server):
    page, card = visit(), server.get("/v1/model")
    _rows(page)
    if card["gate"] == "promote":
        expect(page.locator("#gate")).to_be_hidden()
    else:
        expect(page.locator("#gate")).to_contain_text(f'The gate decided "{card["gate"]}"')
        expect(page.locator("#gate")).to_contain_text(card["review"]["reasons"][0])


def test_only_alarms_are_left_when_asked_for(visit, server):
    page = visit()
    _rows(page)
    page.get_by_label("Only alarms").check()
    assert set(_rows(page)) == {alarm["machine_id"] for alarm in server.get("/v1/alarms?state=open")["alarms"]}


def test_a_machine_is_told_with_risk_component_life_and_reasons(visit, server):
    name = _riskiest(server)
    page = visit(f"/#/{name}")
    said = server.get(f"/v1/machines/{name}")
    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", name=name)).to_be_visible()
    assert f"{round(100 * said['p_failure'])}" in detail.get_by_label("How sure").inner_text()
    if said["component"]:
        assert said["component"] in detail.locator(".parts .first").inner_text().lower()
    expect(detail.get_by_label("How long left")).to_contain_text("in 9 cases of 10")
    shown = " ".join(detail.locator(".reasons").inner_text().split())
    for reason in said["reasons"]:
        assert reason["text"].split(". Mostly by: ")[0].split(": ")[-1] in shown


def test_what_a_forecast_cannot_rest_on_and_whether_the_model_can_be_believed_are_shown(visit, server):
    name, text = _riskiest(server), "Flow has given no usable value since Tuesday 14 May 2024: <b>the others</b>."

    def with_fault(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"faults": [
            {"sensor": "flow_m3_h", "fault": "silent", "since": "Tuesday 14 May 2024", "text": text}]})

    def with_decision(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {
            "state": "alert", "verdict": "1 open alert", "alerts": [
                {"severity": "alert", "rule": "shift", "subject": "flow_m3_h", "text": "Flow has moved."}],
            "decisions": [{"id": 1, "at": "2024-06-03T08:00:00Z", "by": "alertmanager", "action": "retrain",
                           "reasons": ["inputs:flow_m3_h: sensor drift"], "detail": {}}]})

    page = visit()
    page.route("**/v1/decisions?*", with_decision)
    page.route("**/v1/machines/*", with_fault)
    page.get_by_role("button", name="Reload").click()
    model = page.get_by_label("The model")
    expect(model).to_contain_text("1 open alert")
    expect(model).to_contain_text("Flow has moved.")
    expect(model).to_contain_text("Retrain, because inputs:flow_m3_h: sensor drift")
    page.locator(".row", has_text=name).click()
    expect(page.locator(".fault")).to_have_text(text)


def test_whatever_is_clicked_before_the_model_has_been_described_waits_for_it(visit, server):
    """Each way to ask for something, before the first answer has come; then the page is as it always is."""
    page = visit("/openapi.json", quiet=False)
    waiting: list[Route] = []
    page.route("**/v1/model", lambda route: waiting.append(route))
    page.goto(server.url)
    page.get_by_role("button", name="Reload").click()
    page.get_by_label("Find").fill("a")
    page.get_by_label("Find").fill("")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("location.hash = '#/" + _riskiest(server) + "'")
    expect(page.locator("#count")).to_have_text("")
    while waiting:
        waiting.pop().continue_()
        page.wait_for_timeout(0)
    expect(page.locator("#detail")).to_contain_text(_riskiest(server))
    assert _rows(page)


def test_a_page_that_was_opened_while_the_service_did_not_answer_recovers(visit, server):
    page = visit("/openapi.json", quiet=False)
    page.route("**/v1/model", lambda route: route.abort())
    page.goto(server.url)
    expect(page.locator("#banner")).to_have_text("The service does not answer.")
    page.unroute("**/v1/model")
    page.get_by_role("button", name="Reload").click()
    assert _rows(page)
    expect(page.locator("#banner")).to_be_hidden()


def test_another_model_in_service_is_shown_without_opening_the_page_again(visit):
    page = visit()
    assert _rows(page)

    def held(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"dataset": "other_plant"})

    page.route("**/v1/model", held)
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#dataset")).to_have_text("Other plant")


def test_the_risk_is_drawn_with_its_threshold_and_the_crossing(visit, server):
    page = visit(f"/#/{_riskiest(server)}")
    expect(page.locator(".history .threshold")).to_have_count(1)
    assert page.locator(".history .crossing").count() >= 1
    expect(page.get_by_text("Risk reached the threshold").first).to_be_visible()
    first = page.locator(".history svg").nth(1)
    before = first.get_attribute("aria-label")
    page.get_by_label("Sensor").select_option(label="Bearing temperature")
    expect(first).to_have_attribute("aria-label", re.compile("^Bearing temperature: from .* °C, newest"))
    assert page.locator(".history svg").nth(1).get_attribute("aria-label") != before or "Bearing temp" in before
    page.locator(".history svg").first.hover(position={"x": 300, "y": 60})
    expect(page.locator(".readout").first).to_contain_text("%")


def test_the_maintenance_log_is_the_service_s(visit, server):
    names = [entry["machine_id"] for entry in server.get("/v1/machines?size=500")["machines"]]
    name = next(name for name in names if name != HOSTILE and server.get(f"/v1/machines/{name}")["last_maintenance"])
    page = visit(f"/#/{name}")
    expect(page.locator(".log tr.maintenance").first).to_be_attached()
    records = server.get(f"/v1/machines/{name}")["records"]
    assert page.locator(".log tbody tr").count() == min(100, sum(len(listed) for listed in records.values()))


def test_the_keyboard_alone_opens_a_machine_and_goes_back(visit):
    page = visit()
    names = _rows(page)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the machines")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#list")).to_be_focused()
    assert page.locator(".row.active").evaluate("row => getComputedStyle(row).outlineStyle") == "solid"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=names[1], exact=False)).to_be_visible()
    expect(page.locator("#detail")).to_be_focused()
    page.go_back()
    expect(page.get_by_text("Choose a machine to see why.")).to_be_visible()


def test_an_alarm_is_acknowledged_with_a_comment(visit, server):
    name = _riskiest(server)
    page = visit(f"/#/{name}")
    page.get_by_placeholder("What did you see or do?").fill("Bearing is rough, ordered <b>one</b>.")
    page.get_by_role("button", name=re.compile("^(Acknowledge|Comment)$")).click()
    expect(page.locator(".comments")).to_contain_text("Bearing is rough, ordered <b>one</b>.")
    alarm = server.get(f"/v1/alarms?machine_id={name}")["alarms"][0]
    assert alarm["acknowledged_at"]
    assert alarm["comments"][-1]["text"] == "Bearing is rough, ordered <b>one</b>."


def test_what_a_machine_is_called_never_becomes_markup(visit):
    page = visit()
    _rows(page)
    page.get_by_label("Find").fill("img src")
    assert _rows(page) == [HOSTILE]
    page.locator(".row").click()
    expect(page.locator("#detail h2")).to_contain_text(HOSTILE)
    assert "broken" not in page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_it_is_told_otherwise(visit, scheme):
    page = visit(color_scheme=scheme)
    ground = "document.body && getComputedStyle(document.body).backgroundColor"
    system = page.evaluate(ground)
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate(ground)
    assert (dark == system) == (scheme == "dark")
    page.reload()
    assert page.evaluate(ground) == dark


def test_on_a_tablet_list_and_machine_take_turns_and_fit_a_finger(visit):
    page = visit(width=768, height=1024, has_touch=True)
    _rows(page)
    expect(page.locator("#detail")).to_be_hidden()
    page.locator(".row").first.tap()
    expect(page.locator(".machines")).to_be_hidden()
    expect(page.locator(".reasons")).to_be_visible()
    low = page.locator("button:visible, select:visible, textarea:visible").evaluate_all(
        "all => Math.min(...all.map(each => each.getBoundingClientRect().height))")
    assert low >= 40
    assert page.evaluate("document.documentElement.scrollWidth") <= 768
    page.get_by_role("button", name="All machines").tap()
    expect(page.locator("#list")).to_be_visible()


@pytest.mark.slow
def test_it_says_so_when_the_service_is_away_and_keeps_what_it_knew(visit, server):
    page = visit(quiet=False, height=2_400)     # all rows fit, with the banner too: only rows in view are drawn
    names = _rows(page)
    server.stop()
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#banner")).to_contain_text("The service does not answer. Shown is its last answer")
    assert _rows(page) == names
    server.start()
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#banner")).to_be_hidden()


def test_two_thousand_machines_stay_quick(visit, server):
    """Their entries are the real ones, over and over; the limits are ten times what an idle computer takes."""
    fleet = server.get("/v1/machines?size=500")
    many = [entry | {"machine_id": f"{entry['machine_id']}-{at}"} for at in range(84) for entry in fleet["machines"]]

    def answer(route: Route) -> None:
        asked = httpx.URL(route.request.url).params
        begin = (int(asked.get("page", 1)) - 1) * 500
        route.fulfill(json=fleet | {"total": 2000, "machines": many[begin : begin + 500]})

    page = visit()
    page.route("**/v1/machines?*", answer)
    page.reload()
    expect(page.locator("#count")).to_contain_text("2,000 machines")
    took = page.evaluate("""() => ["m", "m0", "m01", ""].map((text) => {
        const find = document.getElementById("q"), begun = performance.now();
        find.value = text;
        find.dispatchEvent(new Event("input", { bubbles: true }));
        document.getElementById("list").offsetHeight;
        return performance.now() - begun;
    })""")
    assert sorted(took)[1] < 100
    assert page.locator(".row").count() < 60
    page.locator("#list").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    expect(page.locator('.row[aria-posinset="2000"]')).to_be_visible()


def test_a_key_is_asked_for_once_and_kept_for_the_tab(visit, server):
    page = visit(quiet=False)
    key = server.keys("create", "--name", "crew", "--scope", "read")
    server.wait_for_keys()
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use it").click()
    assert _rows(page)
    page.reload()
    assert _rows(page)
    assert not page.get_by_role("dialog").is_visible()
    server.keys("revoke", "crew")


def test_every_colour_of_words_stands_out_from_its_ground():
    """WCAG 2.2, 1.4.3: at least 4.5 to 1, in both themes."""
    text = (FILES / "page.css").read_text(encoding="utf-8")
    for theme in (":root {", ':root[data-theme="dark"] {'):
        block = text.split(theme)[1].split("}")[0]
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))
        pairs = [(word, ground) for word in ("ink", "quiet", "alarm", "seen", "calm", "stale", "deep")
                 for ground in ("ground", "sheet")]
        pairs += [("ink", "alarm-ground"), ("ink", "seen-ground"), ("quiet", "seen-ground"), ("quiet", "stale-ground"),
                  ("ink", "stale-ground"), ("on-deep", "deep")]
        assert {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs
                if _contrast(colours[pair[0]], colours[pair[1]]) < 4.5} == {}


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline():
    banned = r"https?://|\binnerHTML\b|\beval\(|@import|\sstyle=|<style|<script(?![^>]*\ssrc=)"
    for file in sorted(FILES.iterdir()):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(banned, text), file.name
