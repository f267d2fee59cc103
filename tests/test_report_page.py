"""The report page in a real browser: what it shows is what the files hold, with the mouse, with keys, on a phone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from browser import Browser, Page, find_chromium
from headroom import io
from headroom.colour.curves import srgb_encode
from headroom.colour.gamut import BRADFORD, REC709, rgb_to_rgb
from headroom.report import make
from headroom.report.codec import LogCode
from report_pictures import Pair, plate_and_result, save_result

WIDTH, HEIGHT = 96, 64
ERROR = LogCode.up_to(1).relative_error
"""Of what the page shows."""
ROUNDING = 2e-7
"""Of a change of primaries in single precision, as a share of the brightest channel."""


LEAST_CONTRAST = r"""(() => {
    const rgb = (text) => text.match(/[\d.]+/g).map(Number);
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const shine = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, k) => sum + weight * linear(c[k] / 255), 0);
    const ground = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const colour = rgb(getComputedStyle(e).backgroundColor);
            if (colour.length === 3 || colour[3] > 0.5) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const e of document.querySelectorAll("body *:not(script, style)")) {
        const own = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !e.checkVisibility()) continue;
        const style = getComputedStyle(e);
        const colour = rgb(e.closest("svg") ? style.fill : style.color);
        const [light, dark] = [shine(colour), shine(ground(e))].sort((a, b) => b - a);
        found.push([(light + 0.05) / (dark + 0.05), e.outerHTML.slice(0, 80)]);
    }
    return found.sort((a, b) => a[0] - b[0])[0];
})()"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in HEADROOM_CHROMIUM")
    opened = Browser(program)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return plate_and_result(tmp_path_factory.mktemp("pair"), width=WIDTH, height=HEIGHT)


@pytest.fixture(scope="module")
def still(pair: Pair) -> Path:
    return make(pair.plate, pair.result, pair.result.with_suffix(".html")).path


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shot")
    for frame in range(1001, 1010):
        stops = 2.0 + 0.1 * (frame - 1001) + (frame == 1006)
        made = plate_and_result(folder, name=f".{frame}", width=64, height=40, gain_stops=stops)
        made.plate.rename(folder / f"plate.{frame}.png")
    return make(folder / "plate.####.png", folder / "hdr.####.exr", folder / "r.html", embed="3").path


def opened(browser: Browser, path: Path, **features: Any) -> Page:
    page = browser.open(path, **features)
    page.wait("window.headroom !== undefined")
    settled(page)
    return page


def settled(page: Page) -> None:
    """After the next painting."""
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def light709(path: Path) -> npt.NDArray[np.float32]:
    """A result's light by our own reader and the header's primaries."""
    told = io.header(path)["parts"][0]["attributes"]["chromaticities"]
    rows = io.read(path).codes.astype(np.float32)
    light: npt.NDArray[np.float32] = rows @ rgb_to_rgb(tuple(told), REC709, BRADFORD).T.astype(np.float32)
    return light


def canvas(page: Page) -> npt.NDArray[np.uint8]:
    """The canvas's own pixels."""
    url = page.run("document.getElementById('canvas').toDataURL('image/png')")
    with Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


def shown_region(page: Page) -> npt.NDArray[np.uint8]:
    """The picture at one picture pixel a canvas pixel; the place is a whole number, so that nothing is resampled."""
    page.run("headroom.viewer.pixels(); headroom.viewer.place.x = Math.floor(headroom.viewer.place.x); "
             "headroom.viewer.place.y = Math.floor(headroom.viewer.place.y); headroom.viewer.redraw()")  # fmt: skip
    settled(page)
    place = page.run("headroom.viewer.place")
    x, y = int(place["x"]), int(place["y"])
    return canvas(page)[y : y + HEIGHT, x : x + WIDTH]


def slide(page: Page, stops: float) -> None:
    """The exposure slider, as a hand that lets go of it at a place."""
    page.run(
        f"""(() => {{ const slider = document.getElementById("exposure");
        slider.value = {stops}; slider.dispatchEvent(new Event("input")); }})()"""
    )


def text(page: Page, name: str) -> str:
    return str(page.run(f"document.getElementById({json.dumps(name)}).textContent"))


def number(page: Page, name: str) -> float:
    return float(text(page, name).replace("\N{MINUS SIGN}", "-"))


# ---- still ----------------------------------------------------------------------------------------------------


def test_every_pixel_is_the_files(browser: Browser, pair: Pair, still: Path) -> None:
    page = opened(browser, still)
    found = page.run(
        f"""(() => {{
        const all = [];
        for (let y = 0; y < {HEIGHT}; y++) for (let x = 0; x < {WIDTH}; x++) {{
            const v = headroom.values(x, y);
            all.push([...v.hdr, ...v.ldr, ...v.code, v.mask, v.gain]);
        }}
        return all; }})()"""
    )
    values = np.array(found).reshape(HEIGHT, WIDTH, 11)
    hdr = light709(pair.result)
    bound = ERROR * np.abs(hdr) + ROUNDING * hdr.max(axis=-1, keepdims=True) + 2.0**-20
    assert np.all(np.abs(values[..., :3] - hdr) <= bound)
    ldr = pair.hdr709 / np.exp2(pair.gain)[..., None]
    assert np.allclose(values[..., 3:6], ldr, rtol=1.1 * ERROR, atol=2.0**-20)
    assert np.array_equal(values[..., 6:9], pair.codes)
    assert np.abs(values[..., 9] - pair.mask).max() <= 0.5 / 255 + 1e-3
    assert np.abs(values[..., 10] - pair.gain).max() <= 0.5 / 256 + 2e-3
    assert page.complaints == [] and page.requests == [still.resolve().as_uri()]
    page.close()


@pytest.mark.parametrize("view", ["clip", "film"])
def test_the_slider_changes_pixels_as_computed(view: str, browser: Browser, pair: Pair, still: Path) -> None:
    page = opened(browser, still)
    page.click('input[value="after"]')
    page.click(f'input[value="{view}"]')
    page.run("document.getElementById('exposure').focus()")
    page.press("Home")
    assert page.run("headroom.viewer.look.exposure") == -24
    before = None
    for stops in (0.0, -2.5, 3.0):
        slide(page, stops)
        shown = shown_region(page)
        light = np.maximum(light709(pair.result).astype(np.float64) * 2**stops, 0)
        if view == "film":
            power = light**1.15
            light = power / (power + 0.18**1.15 * (1 / 0.18 - 1))
        expected = 255 * srgb_encode(np.clip(light, 0, 1))
        assert np.abs(shown - expected).max() <= 1.0
        assert before is None or np.abs(shown.astype(int) - before).mean() > 5
        before = shown.astype(int)
    page.close()


def test_keys_move_the_slider_and_say_so(browser: Browser, still: Path) -> None:
    page = opened(browser, still)
    start = page.run("headroom.viewer.look.exposure")
    page.run("document.getElementById('exposure').focus()")
    page.press("ArrowRight")
    assert page.run("headroom.viewer.look.exposure") == pytest.approx(start + 0.1)
    settled(page)
    assert text(page, "exposure-value") == page.run(
        "document.getElementById('exposure').getAttribute('aria-valuetext')"
    )
    page.run("document.getElementById('stage').focus()")
    for key, change in (("[", -0.5), ("]", 0.5), ("{", -1), ("}", 1)):
        before = page.run("headroom.viewer.look.exposure")
        page.press(key)
        assert page.run("headroom.viewer.look.exposure") == pytest.approx(before + change)
    page.press("r")
    assert page.run("headroom.viewer.look.exposure") == 0
    page.press("h")
    assert page.run("headroom.viewer.look.exposure") == pytest.approx(-4, abs=0.2)
    page.run("document.getElementById('keys-on').click(); document.getElementById('stage').focus()")
    page.press("r")
    assert page.run("headroom.viewer.look.exposure") == pytest.approx(-4, abs=0.2)
    page.close()


def test_the_wipe_shows_the_plate_on_its_left(browser: Browser, pair: Pair, still: Path) -> None:
    page = opened(browser, still)
    page.click('input[value="wipe"]')
    page.run("headroom.viewer.setLook({ exposure: -3 })")
    settled(page)
    box = page.box("#wipe")
    stage = page.run("document.getElementById('stage').getBoundingClientRect().toJSON()")
    middle = box["x"] + box["width"] / 2
    assert middle == pytest.approx(stage["x"] + stage["width"] / 2, abs=1)
    y = stage["y"] + 30
    page.mouse("mouseMoved", middle, y)
    page.mouse("mousePressed", middle, y, down=True)
    page.mouse("mouseMoved", stage["x"] + 0.9 * stage["width"], y, down=True)
    page.mouse("mouseReleased", stage["x"] + 0.9 * stage["width"], y)
    settled(page)
    assert page.run("headroom.viewer.wipe") == pytest.approx(0.9, abs=0.01)
    assert page.run("document.getElementById('wipe').getAttribute('aria-valuenow')") == "90"
    page.run("document.getElementById('wipe').focus()")
    page.press("Home")
    settled(page)
    right = shown_region(page)
    page.press("End")
    left = shown_region(page)
    hdr, ldr = light709(pair.result), pair.hdr709 / np.exp2(pair.gain)[..., None]
    for shown, light in ((right, hdr), (left, ldr)):
        expected = 255 * srgb_encode(np.clip(light.astype(np.float64) / 8, 0, 1))
        assert np.abs(shown - expected).max() <= 1.0
    page.press("Home")
    for _ in range(3):
        page.press("PageUp")
    page.press("ArrowRight")
    assert page.run("headroom.viewer.wipe") == pytest.approx(0.31)
    page.run("headroom.viewer.setWipe(0.5)")
    half = shown_region(page)
    assert np.array_equal(half[:, : WIDTH // 2 - 1], left[:, : WIDTH // 2 - 1])
    assert np.array_equal(half[:, WIDTH // 2 + 1 :], right[:, WIDTH // 2 + 1 :])
    page.close()


def test_the_probe_follows_mouse_and_keys(browser: Browser, pair: Pair, still: Path) -> None:
    page = opened(browser, still)
    hdr = light709(pair.result)
    stage = page.box("#stage")
    place, ratio = page.run("headroom.viewer.place"), page.run("headroom.viewer.canvas.width") / stage["width"]

    def window(x: int, y: int) -> tuple[float, float]:
        return (
            stage["x"] + (place["x"] + (x + 0.5) * place["scale"]) / ratio,
            stage["y"] + (place["y"] + (y + 0.5) * place["scale"]) / ratio,
        )

    def check(x: int, y: int) -> None:
        settled(page)
        assert text(page, "probe-where") == f"x {x}, y {y}"
        for name, value in zip("rgb", hdr[y, x], strict=True):
            assert number(page, f"hdr-{name}") == pytest.approx(value, rel=ERROR + 6e-4, abs=2e-6)
        bright = float(hdr[y, x] @ [0.2126, 0.7152, 0.0722])
        assert number(page, "hdr-y") == pytest.approx(bright, rel=ERROR + 6e-4)
        assert number(page, "hdr-stops") == pytest.approx(np.log2(bright), abs=0.006)
        assert [int(text(page, f"code-{name}")) for name in "rgb"] == pair.codes[y, x].tolist()
        assert number(page, "probe-mask") == pytest.approx(pair.mask[y, x], abs=0.008)
        assert number(page, "probe-gain") == pytest.approx(pair.gain[y, x], abs=0.008)

    page.mouse("mouseMoved", *window(70, 20))
    check(70, 20)
    assert page.run("document.getElementById('marker').hidden")
    page.mouse("mousePressed", *window(90, 40), down=True)
    page.mouse("mouseReleased", *window(90, 40))
    check(90, 40)
    assert not page.run("document.getElementById('marker').hidden")
    assert page.run("document.activeElement.id") == "stage"
    page.press("ArrowLeft")
    check(89, 40)
    page.press("ArrowUp", shift=True)
    check(89, 30)
    assert "x 89, y 30" in text(page, "spoken") and "stops" in text(page, "spoken")
    page.mouse("mouseMoved", *window(10, 10))
    check(89, 30)
    page.press("p")
    peak = np.unravel_index(hdr.max(axis=-1).argmax(), hdr.shape[:2])
    check(int(peak[1]), int(peak[0]))
    page.press("Escape")
    settled(page)
    assert page.run("document.getElementById('marker').hidden")
    page.close()


def test_zoom_and_pan_by_keys(browser: Browser, still: Path) -> None:
    page = opened(browser, still)
    page.run("document.getElementById('stage').focus()")
    fit = page.run("headroom.viewer.place.scale")
    page.press("+")
    assert page.run("headroom.viewer.place.scale") == pytest.approx(2 * fit)
    before = page.run("headroom.viewer.place")
    page.press("ArrowRight", alt=True)
    after = page.run("headroom.viewer.place")
    assert after["x"] == pytest.approx(before["x"] - 60) and after["y"] == before["y"]
    page.press("1")
    assert page.run("headroom.viewer.place.scale") == 1
    page.press("0")
    assert page.run("headroom.viewer.place.scale") == fit and page.run("headroom.viewer.fitted")
    for _ in range(20):
        page.press("+")
    assert page.run("headroom.viewer.place.scale") == 64
    settled(page)
    assert len(np.unique(canvas(page).reshape(-1, 3), axis=0)) > 1
    assert page.complaints == []
    page.close()


def test_false_colour_has_a_legend_and_its_colours(browser: Browser, pair: Pair, still: Path) -> None:
    page = opened(browser, still)
    page.run("document.getElementById('stage').focus()")
    page.press("c")
    page.press("v")
    page.press("v")
    settled(page)
    assert page.run("headroom.viewer.look.view") == "false" and page.run("headroom.viewer.look.compare") == "after"
    fills = page.run("[...document.querySelectorAll('#legend rect')].map((r) => r.getAttribute('fill'))")
    words = page.run("[...document.querySelectorAll('#legend text')].map((t) => t.textContent)")
    assert len(fills) == 21 and "0" in words and "+2" in words
    shown = shown_region(page)
    stops = np.log2(light709(pair.result) @ [0.2126, 0.7152, 0.0722])
    for band, low, high in (("#f5e663", 0, 1), ("#fa9d1c", 2, 3), ("#a4acb1", -1, 0)):
        inside = (stops > low + 0.01) & (stops < high - 0.01)
        assert inside.sum() > 10
        colour = [int(band[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.array_equal(np.unique(shown[inside], axis=0), [colour])
    page.press("v")
    settled(page)
    assert "stops that were added" in text(page, "exposure-note")
    page.close()


def test_the_mask_is_laid_over(browser: Browser, pair: Pair, still: Path) -> None:
    page = opened(browser, still)
    page.click('input[value="after"]')
    plain = shown_region(page).astype(int)
    page.click("#mask")
    laid = shown_region(page).astype(int)
    touched = pair.mask > 1e-3
    assert np.array_equal(laid[pair.mask == 0], plain[pair.mask == 0])
    full = pair.mask == 1
    expected = plain[full] + 0.62 * (np.array([255, 79, 216]) - plain[full])
    assert np.abs(laid[full] - expected).max() <= 1
    assert (laid[touched] != plain[touched]).any(axis=-1).mean() > 0.9
    page.close()


def test_everything_can_be_reached_with_the_tab_key(browser: Browser, still: Path) -> None:
    page = opened(browser, still)
    reached, unseen = [], []
    for _ in range(40):
        page.press("Tab")
        told = page.run(
            """(() => { const e = document.activeElement; if (e === document.body) return null;
            const ring = getComputedStyle(e.matches("input[type=radio]") ? e.nextElementSibling : e);
            const seen = ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) > 0;
            return [e.id || e.value || e.className, seen]; })()"""
        )
        if told is None:
            break
        reached.append(told[0])
        unseen += [] if told[1] else [told[0]]
    needed = {"skip", "wipe", "mask", "fit", "pixels", "zoom-in", "zoom-out", "peak", "darker", "exposure", "brighter"}
    assert needed | {"highlights", "neutral", "stage", "keys-on", "clip"} <= set(reached), reached
    assert unseen == []
    page.close()


def test_every_control_has_a_name(browser: Browser, shot: Path) -> None:
    page = opened(browser, shot)
    tree = page.ask("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "checkbox", "radio", "img", "image", "region", "group", "textbox"}
    found = [n for n in tree if not n.get("ignored") and n["role"]["value"] in roles]
    nameless = [
        n["role"]["value"] for n in found if not n.get("name", {}).get("value") and n["role"]["value"] != "group"
    ]
    assert nameless == []
    names = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in found}
    assert ("slider", "Exposure") in names and ("slider", "Frame") in names
    assert ("slider", "Wipe between before and after") in names and ("radio", "False colour") in names
    page.close()


@pytest.mark.parametrize(("width", "height", "ratio"), [(360, 740, 3), (1024, 700, 1), (3840, 2160, 1)])
def test_nothing_is_wider_than_the_window(width: int, height: int, ratio: float, browser: Browser, shot: Path) -> None:
    page = opened(browser, shot, width=width, height=height, ratio=ratio, mobile=width < 500)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("document.querySelectorAll('#plots svg').length") == 6
    sizes = page.run(
        "[...document.querySelectorAll('button, .choice label, .tick')].map((e) => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 24  # WCAG 2.2, 2.5.8
    page.close()


def test_calm_where_motion_is_not_wanted(browser: Browser, still: Path) -> None:
    script = "getComputedStyle(document.getElementById('fit')).transitionDuration"
    for reduced, seconds in ((True, "0s"), (False, "0.12s")):
        page = opened(browser, still, reduced_motion=reduced)
        assert page.run(script) == seconds
        page.close()


def test_words_stand_out_from_their_ground(browser: Browser, shot: Path) -> None:
    """WCAG 2.2, 1.4.3: contrast of at least 4.5 of every text against its nearest painted background."""
    page = opened(browser, shot, reduced_motion=True)
    worst = page.run(LEAST_CONTRAST)
    assert worst[0] >= 4.5, worst
    page.close()


def test_hostile_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)<'
    attack = "</script></style><script>document.title = 'caught'</script><svg onload=alert(3)>"
    made = plate_and_result(tmp_path, attributes={"headroom:model": attack, f"headroom:{attack}": attack})
    result = made.result.rename(tmp_path / f"{evil}.exr")
    path = make(made.plate, result, tmp_path / "r.html").path
    page = opened(browser, path)
    assert page.run("document.querySelector('.hdr-name').textContent") == result.name
    assert page.run("document.title") == f"{made.plate.name} → {result.name} - headroom report"
    assert page.run("document.querySelectorAll('img, svg[onload], body script:not([type])').length") == 0
    assert attack in page.run("document.querySelector('.facts').textContent")
    assert page.complaints == [] and len(page.requests) == 1
    # And what did get into the page could not run: the policy allows this page's one script only.
    page.run(
        """(() => { try {
        const script = document.createElement("script");
        script.textContent = "document.title = 1";
        document.body.append(script); } catch {} })()"""
    )
    assert page.run("document.title") != "1"
    page.close()


def test_a_result_alone(browser: Browser, pair: Pair, tmp_path: Path) -> None:
    path = make(None, pair.result, tmp_path / "r.html").path
    page = opened(browser, path)
    assert page.run("document.getElementById('compare').hidden && document.getElementById('wipe').hidden")
    shown = shown_region(page)
    exposure = page.run("headroom.viewer.look.exposure")
    expected = 255 * srgb_encode(np.clip(light709(pair.result).astype(np.float64) * 2**exposure, 0, 1))
    assert np.abs(shown - expected).max() <= 1.0
    page.run("document.getElementById('stage').focus()")
    page.press("c")
    page.press("ArrowRight")
    settled(page)
    assert page.run("headroom.viewer.look.compare") == "after" and page.complaints == []
    page.close()


def test_a_sun_far_above_half_floats_is_told(browser: Browser, tmp_path: Path) -> None:
    light = np.full((20, 30, 3), 0.25, np.float32)
    light[12, 7] = (3e8, 2e8, 1e5)
    light[13, 8] = (-0.02, 0.3, 0.0)
    save_result(tmp_path / "sun.exr", light, primaries=REC709)
    made = make(None, tmp_path / "sun.exr", tmp_path / "r.html")
    error = made.facts["relative_error"]
    assert ERROR < error < 1e-3
    page = opened(browser, made.path)
    sun, saturated = page.run("headroom.values(7, 12).hdr"), page.run("headroom.values(8, 13).hdr")
    assert sun == pytest.approx(light[12, 7].tolist(), rel=1.1 * error)
    assert saturated == pytest.approx(light[13, 8].tolist(), rel=1.1 * error, abs=2.0**-20)
    assert text(page, "probe-where") == "x 7, y 12" and number(page, "hdr-r") == pytest.approx(3e8, rel=1e-3)
    page.run("document.getElementById('stage').focus()")
    page.press("h")
    settled(page)
    assert page.run("headroom.viewer.look.exposure") == -24
    page.close()


def test_a_large_picture_is_drawn_from_its_mean(browser: Browser, tmp_path: Path) -> None:
    """Far out, the screen shows averages of light: a lamp of one pixel does not flicker in and out."""
    made = plate_and_result(tmp_path, width=900, height=600)
    path = make(made.plate, made.result, tmp_path / "r.html").path
    page = opened(browser, path, width=360, height=600)
    page.run("headroom.viewer.setLook({ compare: 'after', exposure: -2 })")
    settled(page)
    place = page.run("headroom.viewer.place")
    assert place["scale"] < 0.5 and page.run("headroom.viewer.picture.levels.length") > 1
    light = light709(made.result).astype(np.float64)
    mean = light[200:400, 300:600].mean(axis=(0, 1))
    second = page.run("(() => { const p = headroom.viewer.picture; const l = p.levels[1]; let s = [0, 0, 0]; let n = 0;"
                      "for (let y = 100; y < 200; y++) for (let x = 150; x < 300; x++, n++)"
                      "for (let k = 0; k < 3; k++) s[k] += p.light[l.hdr[k][y * l.width + x] + 32768];"
                      "return s.map((v) => v / n); })()")  # fmt: skip
    assert second == pytest.approx(mean.tolist(), rel=2e-3)
    page.close()


# ---- shot -----------------------------------------------------------------------------------------------------


def test_a_shot_is_scrubbed(browser: Browser, shot: Path) -> None:
    page = opened(browser, shot)
    assert page.run("document.querySelectorAll('#strip button').length") == 3
    assert page.run("document.querySelectorAll('.frames tbody tr').length") == 9
    assert page.run("headroom.viewer.stage.dataset.frame") == "1001"
    page.click("#strip button:nth-child(3)")
    page.wait("headroom.viewer.stage.dataset.frame === '1009'")
    assert page.run("document.getElementById('scrub').value") == "8"
    assert text(page, "numbers-frame") == "frame 1009"
    page.run("document.getElementById('scrub').focus()")
    for _ in range(3):
        page.press("ArrowLeft")
    page.wait("headroom.viewer.stage.dataset.frame === '1005'")
    assert text(page, "scrub-value") == "1006 (picture: 1005)"
    gains = page.run("headroom.facts.series.find((s) => s.title.startsWith('Mean gain')).values")
    told = page.run(
        """[...document.querySelectorAll("#plots figure")].find((f) => f.textContent.startsWith("Mean gain"))
        .querySelector("b:last-child").textContent"""
    )
    assert float(told) == pytest.approx(gains[5], abs=0.006)
    page.press(",")
    page.wait("headroom.viewer.stage.dataset.frame === '1001'")
    assert page.complaints == []
    page.close()


def test_frames_asked_for_in_a_hurry_end_at_the_last(browser: Browser, shot: Path) -> None:
    page = opened(browser, shot)
    page.run("for (const i of [1, 2, 0, 2, 1]) document.querySelectorAll('#strip button')[i].click()")
    page.wait("headroom.viewer.stage.dataset.frame === '1005' && document.getElementById('message').hidden")
    settled(page)
    assert page.run("[...document.querySelectorAll('#strip button')].map((b) => b.ariaPressed)") == [
        "false",
        "true",
        "false",
    ]
    assert text(page, "scrub-value") == "1005" and page.complaints == []
    page.close()


def test_the_curves_are_where_the_numbers_are(browser: Browser, shot: Path) -> None:
    page = opened(browser, shot)
    values = page.run("headroom.facts.series[2].values")
    path = page.run("document.querySelectorAll('#plots figure')[2].querySelector('.line-hdr').getAttribute('d')")
    points = [tuple(map(float, part.split())) for part in path.replace("M", "L").split("L")[1:]]
    assert len(points) == 9 == len(values)
    slope = np.polyfit(values, [y for _, y in points], 1)
    assert slope[0] < 0 and np.abs(np.polyval(slope, values) - [y for _, y in points]).max() < 0.2
    steps = np.diff([x for x, _ in points])
    assert steps.min() > 0 and np.ptp(steps) < 0.2
    assert page.run("document.querySelectorAll('.flag').length") >= 2
    page.close()


def test_a_phone_can_wipe_and_zoom(browser: Browser, still: Path) -> None:
    page = opened(browser, still, width=390, height=800, ratio=2, mobile=True)
    box = page.box("#wipe")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3

    def touch(kind: str, *points: tuple[float, float]) -> None:
        told = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
        page.ask("Input.dispatchTouchEvent", type=kind, touchPoints=told)

    touch("touchStart", (x, y))
    touch("touchMove", (x + 60, y))
    touch("touchMove", (x + 90, y))
    touch("touchEnd")
    settled(page)
    assert page.run("headroom.viewer.wipe") > 0.6
    scale = page.run("headroom.viewer.place.scale")
    page.click("#zoom-in")
    assert page.run("headroom.viewer.place.scale") == pytest.approx(2 * scale)
    stage = page.box("#stage")
    cx, cy = stage["x"] + 80, stage["y"] + stage["height"] / 2
    touch("touchStart", (cx - 20, cy), (cx + 20, cy))
    touch("touchMove", (cx - 30, cy), (cx + 30, cy))
    touch("touchMove", (cx - 40, cy), (cx + 40, cy))
    touch("touchEnd")
    assert page.run("headroom.viewer.place.scale") == pytest.approx(4 * scale, rel=0.1)
    assert page.complaints == []
    page.close()
