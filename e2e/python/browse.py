"""Looks at all pages of a dashboard in a real browser, and tells what is wrong with them.

Arguments: the address, the token. Prints a JSON list of complaints; empty when all is well.
"""

import json
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

BASE, TOKEN = sys.argv[1:]
PAGES = ["", "versions", "commands", "environments", "retention", "quarantine", "live", "public"]
# Where all that can be used is looked for: what stands side by side on a screen is below each other on a telephone.
WALKED = [(360, "light"), (768, "dark"), (1440, "light")]
FOCUSABLE = "a[href], button, select, input, summary, [tabindex='0']"
SWITCHES = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]


def start(folder):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for switch in [*SWITCHES, f"--user-data-dir={folder}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def show(driver, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def asked(driver):
    """The addresses that were asked for since the last call."""
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def lightness(colour):
    red, green, blue = (int(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def look(driver, page, scheme, width):
    script = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    whole, seen = driver.execute_script(script)
    if whole > seen:
        yield f"wider than the window: {whole} of {seen}"
    if not driver.title or len(driver.find_elements(By.TAG_NAME, "h1")) != 1 or not driver.find_elements(By.TAG_NAME, "main"):
        yield "no title, not one heading, or no main part"
    for figure in driver.find_elements(By.CSS_SELECTOR, "figure[role=img]"):
        if not figure.get_attribute("aria-label") or figure.find_element(By.TAG_NAME, "svg").get_attribute("aria-hidden") != "true":
            yield "a chart without words"
    style = "const s = getComputedStyle(document.body), h = getComputedStyle(document.documentElement); return [s.color, h.backgroundColor]"
    ink, paper = (lightness(colour) for colour in driver.execute_script(style))
    if (ink > paper) != (scheme == "dark") or abs(ink - paper) < 120:
        yield f"ink {ink:.0f} on paper {paper:.0f}"
    for entry in driver.get_log("browser"):
        if entry["level"] == "SEVERE":
            yield f"console: {entry['message']}"
    for address in asked(driver):
        if not address.startswith((BASE, "data:", "chrome:", "chrome-untrusted:")):
            yield f"asked for {address}"


def walk(driver):
    """Everything that can be used is reached by Tab."""
    script = f"return [...document.querySelectorAll(\"{FOCUSABLE}\")].filter(e => e.checkVisibility()).length"
    wanted = driver.execute_script(script)
    driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = set()
    for _ in range(wanted + 3):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        active = driver.switch_to.active_element
        if active.tag_name != "body":
            reached.add(active.id)
    if len(reached) < wanted:
        yield f"{len(reached)} of {wanted} can be reached by Tab"


def main():
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        driver = start(folder)
        try:
            driver.get(BASE + "/")
            driver.find_element(By.NAME, "token").send_keys(TOKEN)
            driver.find_element(By.CSS_SELECTOR, "main button").click()
            WebDriverWait(driver, 20).until(lambda it: it.find_elements(By.TAG_NAME, "nav"))
            for scheme in ("light", "dark"):
                for width in (360, 768, 1440):
                    show(driver, width, scheme)
                    for page in PAGES:
                        driver.get(f"{BASE}/{page}?range=1y")
                        found = list(look(driver, page, scheme, width))
                        if (width, scheme) in WALKED:
                            found += walk(driver)
                        complaints += [f"/{page}, {width} wide, {scheme}: {what}" for what in found]
        finally:
            driver.quit()
    print(json.dumps(complaints))


main()
