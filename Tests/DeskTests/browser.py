"""Uses the page in a real browser, as an analyst would. Prints "fine" at the end; what is not fine is raised.

browser.py TASK ADDRESS [ARGUMENT...]
"""

import glob
import json
import os
import sys
import time
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

BASE = sys.argv[2]
PATIENCE = 20


class Page:
    """A browser with one tab on the page."""

    def __init__(self, width=1280, height=900, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        size = f"--window-size={width},{height}"
        for argument in ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", size]:
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.size(width, height)
        self.media(dark)

    def size(self, width, height):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def media(self, dark):
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def go(self, view, awaits=None):
        self.driver.get("about:blank")
        self.driver.get(f"{BASE}/#/{view}")
        self.until(lambda: self.find("main h1"), f"a heading of {view}")
        if awaits:
            self.until(lambda: awaits in self.text(), f"'{awaits}' in {view}")

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector="main"):
        return " ".join(element.text for element in self.find(selector))

    def until(self, condition, what, seconds=PATIENCE):
        end = time.time() + seconds
        while True:
            try:
                found = condition()
                if found:
                    return found
            except Exception as error:
                # Elements are replaced while they are looked at.
                if "stale" not in str(error):
                    raise
            if time.time() > end:
                log = [entry["message"] for entry in self.driver.get_log("browser")]
                raise AssertionError(f"waited for {what}; the page says: {self.text('body')[:1500]}; console: {log}")
            time.sleep(0.05)

    def keys(self, *keys):
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def script(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def check(self, allowed=()):
        """Nothing went wrong in the console, and nobody else was asked for anything."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING") and not any(part in entry["message"] for part in allowed):
                raise AssertionError(f"console: {entry['message']}")
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                assert url.startswith((BASE, "about:", "data:")), f"asked {url}"

    def axe(self, view):
        """Contrast, names and landmarks, by the rules of WCAG 2."""
        [path] = glob.glob(os.environ["AXE"])
        with open(path, encoding="utf-8") as file:
            self.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
            self.script(file.read())
        result = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})"
            ".then(done, (error) => done(String(error)))")
        assert isinstance(result, dict), result
        found = [
            f"{violation['id']}: {violation['help']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
            for violation in result["violations"]
        ]
        assert len(result["passes"]) > 8, "hardly anything was checked"
        assert not found, f"{view}: " + "\n".join(found)

    def wide(self):
        return self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def close(self):
        self.driver.quit()


def ask(path):
    with urllib.request.urlopen(BASE + path) as answer:
        return json.load(answer)


VIEWS = [("now", "accepted here"), ("queue", ""), ("rules", "Live"), ("model", "What was learned"),
         ("system", "Last checkpoint")]


def views():
    """Every view with real data, by every kind of eye; pictures go to a folder."""
    pictures = sys.argv[3] if len(sys.argv) > 3 else None
    entry = ask("/v1/review?limit=1")["entries"][0]
    names = VIEWS + [(f"case/{entry['entry']}", "as of then"), (f"user/{entry['user_id']}", "transactions")]
    page = Page()
    for dark in (False, True):
        page.media(dark)
        for view, awaits in names:
            page.go(view, awaits)
            page.until(lambda: page.text("#link") == "live", "events")
            if view == "queue":
                page.until(lambda: len(page.find(".entry[data-entry]")) > 5, "entries")
            if view == "now":
                page.until(lambda: page.find("svg polygon"), "a plot")
            if view.startswith("case"):
                page.until(lambda: len(page.find(".what-if")) == 2, "what-if as of then and as of now")
                page.until(lambda: page.find("svg .dot.this"), "this one marked")
                page.until(lambda: "transactions in" in page.text(), "comparisons")
            page.axe(view)
            if pictures and not dark and view.split("/")[0] in ("now", "queue", "case"):
                time.sleep(0.3)
                page.driver.save_screenshot(f"{pictures}/desk-{view.split('/')[0]}.png")
    # Small and large screens show the same, and nothing sticks out.
    for width, height in [(360, 740), (2560, 1300)]:
        page.size(width, height)
        page.media(False)
        for view, awaits in names:
            page.go(view, awaits)
            page.until(lambda: page.text("#link") == "live", "events")
            time.sleep(0.4)
            assert page.wide() <= 0, f"{view} is {page.wide()} too wide at {width}"
    page.check()
    # The first paint, and all that it needs.
    page.size(1280, 900)
    page.go("now")
    paint = page.script("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    total = page.script(
        "return performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter((entry) => !entry.name.includes('/v1/')).reduce((sum, entry) => sum + entry.transferSize, 0)")
    print(f"first paint {paint:.0f} ms, {total} bytes")
    assert 0 < paint < 1500, paint
    assert 0 < total < 250_000, total
    page.close()


def empty():
    """A state that has nothing says what to do."""
    page = Page()
    for view, awaits in [("now", "Nothing has been scored yet"), ("queue", "Nothing waits"), ("rules", "no rules"),
                         ("model", "Learning is off"), ("system", "Last checkpoint"),
                         ("user/nobody", "Nothing is known"),
                         ("case/1", "no such entry")]:
        page.go(view, awaits)
        page.axe(view)
    page.check(allowed=["404"])
    page.close()


def keyboard():
    """Judges so many entries by keyboard alone, and nothing but the keyboard."""
    count = int(sys.argv[3])
    before = ask("/v1/review?limit=1")["total"]
    page = Page()
    page.go("queue")
    page.until(lambda: len(page.find(".entry[data-entry]")) > 5, "entries")
    wanted = {"f": "fraud", "l": "legitimate", "u": "unsure"}
    expected = {}
    for turn in range(count):
        [selected] = page.find(".entry.selected")
        number = int(selected.get_attribute("data-entry"))
        key = "flu"[turn % 3]
        expected[number] = wanted[key]
        page.keys(key)
        page.until(lambda: page.find(".entry.selected") and page.find(".entry.selected")[0].get_attribute("data-entry")
                   not in (None, str(number)), "the next entry")
    page.until(lambda: ask("/v1/review?limit=1")["total"] == before - count, "all judgements")
    for number, verdict in expected.items():
        assert ask(f"/v1/review/{number}")["verdict"] == verdict, number
    # Undo, a note, and the way into a case and back.
    last = page.script("return Number(document.querySelector('.entry.selected').dataset.entry)")
    page.keys("n", "seen before", Keys.ENTER, "f", "k")
    page.until(lambda: ask(f"/v1/review/{last}")["verdict"] == "fraud", "the judgement")
    assert ask(f"/v1/review/{last}")["history"][-1]["note"] == "seen before"
    page.until(lambda: page.find(".entry.selected")[0].get_attribute("data-entry") == str(last), "the entry")
    page.keys("z")
    page.until(lambda: ask(f"/v1/review/{last}")["verdict"] == "open", "undo")
    page.keys(Keys.ENTER)
    page.until(lambda: f"#/case/{last}" in page.driver.current_url, "the case")
    page.until(lambda: page.find("[data-key=l]"), "the buttons")
    page.keys("l")
    page.until(lambda: ask(f"/v1/review/{last}")["verdict"] == "legitimate", "the judgement in the case")
    page.keys("g", "q")
    page.until(lambda: "#/queue" in page.driver.current_url, "the queue")
    page.keys("/")
    page.until(lambda: page.script("return document.activeElement.id") == "search", "the search field")
    page.keys(ask(f"/v1/review/{last}")["transaction_id"])
    page.until(lambda: page.text(".count") == "0", "nothing open of that id")
    # Ten thousand entries scroll without one being missed.
    page.go("queue")
    page.until(lambda: len(page.find(".entry[data-entry]")) > 5, "entries")
    total = ask("/v1/review?limit=1")["total"]
    page.find("#list")[0].send_keys(Keys.END)
    page.until(lambda: page.find(f"#entry-{total - 1}[data-entry]"), "the last entry", 40)
    assert len(page.find(".entry")) < 100, "only what is seen is there"
    frames = page.driver.execute_async_script("""
        const done = arguments[arguments.length - 1], list = document.getElementById('list'), gaps = [];
        let last = performance.now(), step = 0;
        function turn(now) {
            gaps.push(now - last);
            last = now;
            list.scrollTop = (step * 997 * 44) % list.scrollHeight;
            if (++step < 100) requestAnimationFrame(turn);
            else done(gaps.sort((a, b) => a - b)[94]);
        }
        requestAnimationFrame(turn);""")
    print(f"while scrolling 95 of 100 frames come within {frames:.0f} ms")
    assert frames < 250, frames
    page.check(allowed=["409"])
    page.close()


def two():
    """Two analysts on one entry: neither overwrites the other without knowing."""
    one, other = Page(), Page()
    for page, name in ((one, "Ann"), (other, "Ben")):
        page.go("now")
        page.find("#visitor")[0].click()
        page.until(lambda: page.find("#token"), "the field for a name")
        page.find("#token")[0].send_keys(name, Keys.ENTER)
        page.until(lambda: page.text("#visitor") == name, "the name")
        page.go("queue")
        page.until(lambda: len(page.find(".entry[data-entry]")) > 5, "entries")
    first = int(one.find(".entry.selected")[0].get_attribute("data-entry"))
    assert first == int(other.find(".entry.selected")[0].get_attribute("data-entry"))
    one.keys("f")
    one.until(lambda: ask(f"/v1/review/{first}")["verdict"] == "fraud", "Ann's judgement")
    other.keys("l")
    other.until(lambda: "somebody else" in other.text("#said"), "a refusal")
    entry = ask(f"/v1/review/{first}")
    assert (entry["verdict"], entry["judged_by"], len(entry["history"])) == ("fraud", "Ann", 1), entry
    # What is taken is its taker's, until somebody takes it over knowingly.
    second = int(one.find(".entry.selected")[0].get_attribute("data-entry"))
    one.keys("t")
    one.until(lambda: ask(f"/v1/review/{second}")["assignee"] == "Ann", "the entry taken")
    other.until(lambda: int(other.find(".entry.selected")[0].get_attribute("data-entry")) == second, "the same entry")
    other.keys("l")
    other.until(lambda: "taken by Ann" in other.text(".entry.selected ~ .entry, .entry"), "who has taken it")
    assert ask(f"/v1/review/{second}")["verdict"] == "open"
    other.go(f"case/{second}")
    other.until(lambda: "Take over" in other.text(), "the way to take it over")
    other.keys("t")
    other.until(lambda: ask(f"/v1/review/{second}")["assignee"] == "Ben", "Ben has it")
    other.keys("l")
    other.until(lambda: ask(f"/v1/review/{second}")["judged_by"] == "Ben", "Ben's judgement")
    one.check(allowed=["409"])
    other.check(allowed=["409"])
    one.close()
    other.close()


def hostile():
    """Ids that want to be more than text stay text in every view."""
    page = Page()
    page.go("queue")
    page.until(lambda: len(page.find(".entry[data-entry]")) >= 4, "entries")
    entries = ask("/v1/review?limit=50")["entries"]
    for view in ["now", "queue", "rules", "model", "system"] + [f"case/{entry['entry']}" for entry in entries]:
        page.go(view)
        time.sleep(0.3)
        assert page.script("return window.broken") is None, view
        assert not page.find("main script, main img:not(.drawing), main iframe, bdi b"), view
        shown = page.text()
        assert not any(sign in shown for sign in "\u202e\u200b\u0007"), view
        if view == "queue":
            for part in ["<script>", "<img src=x", "⟨U+202E⟩", "⟨U+200B⟩"]:
                assert part in shown, (part, shown)
    for entry in entries:
        page.go("queue")
        page.until(lambda: len(page.find(".entry[data-entry]")) >= 4, "entries")
        page.script("location.hash = '#/user/' + encodeURIComponent(arguments[0])", entry["user_id"])
        page.until(lambda: page.text("main h1").startswith("User"), "the user")
        page.until(lambda: "Results in the queue" in page.text() and "transactions" in page.text(), entry["user_id"])
        assert page.script("return window.broken") is None
    page.check()
    page.close()


def broken():
    """Events that break are said to be, and go on afterwards without the page being loaded again."""
    page = Page()
    page.go("now", "accepted here")
    page.until(lambda: page.text("#link") == "live", "events")
    page.script("window.sameOne = true")
    print("ready", flush=True)
    page.until(lambda: page.text("#link") == "no answer", "the break", 60)
    print("seen", flush=True)
    page.until(lambda: page.text("#link") == "live", "the way back", 60)
    page.until(lambda: "accepted here" in page.text(), "figures")
    assert page.script("return window.sameOne") is True, "the page was loaded again"
    page.close()


def guarded():
    """Tokens with scopes: who only reads has no buttons, and who has no token sees nothing."""
    reader, judge = sys.argv[3], sys.argv[4]
    page = Page()
    page.driver.get(BASE + "/")
    page.until(lambda: page.find("#token"), "the field for a token")
    page.axe("sign in")
    page.find("#token")[0].send_keys("nonsense", Keys.ENTER)
    page.until(lambda: "nobody knows this token" in page.text(), "a refusal")
    page.find("#token")[0].send_keys(reader, Keys.ENTER)
    page.until(lambda: page.text("#visitor") == "reader", "the reader")
    page.go("queue")
    page.until(lambda: len(page.find(".entry[data-entry]")) > 5, "entries")
    assert "Fraud" not in page.text(".judge")
    page.keys("f")
    time.sleep(0.5)
    assert page.script("return document.cookie") == "", "scripts don't see the cookie"
    page.go("system")
    page.until(lambda: "Last checkpoint" in page.text(), "the system")
    assert "snapshot" not in page.text("button")
    page.find("#visitor")[0].click()
    page.until(lambda: page.find("#token"), "signed out")
    page.find("#token")[0].send_keys(judge, Keys.ENTER)
    page.until(lambda: page.text("#visitor") == "judge", "the judge")
    page.go("queue")
    page.until(lambda: len(page.find(".entry[data-entry]")) > 5, "entries")
    page.keys("f")
    page.until(lambda: "fraud" in page.text("#said"), "the judgement")
    page.go("system", "Last checkpoint")
    page.until(lambda: page.find("button.main"), "the button")
    page.find("button.main")[0].click()
    page.until(lambda: "Snapshot" in page.text("#said"), "the snapshot")
    page.check(allowed=["401"])
    page.close()


if __name__ == "__main__":
    {"views": views, "empty": empty, "keyboard": keyboard, "two": two, "hostile": hostile, "broken": broken,
     "guarded": guarded}[sys.argv[1]]()
    print("fine")
