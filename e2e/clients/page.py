"""A page in Chromium that sends events by Segment's library for browsers: TRACKER, COUNT, the folder of the library.

The page is of another origin than the tracker, so that the browser asks it first (a preflight). The last event is sent while
the page is left. Prints what the browser complained of.
"""

import functools
import http.server
import sys
import tempfile
import threading
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

TRACKER, COUNT, LIBRARY = sys.argv[1:]
SWITCHES = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
PAGE = f"""<!doctype html><title>shop</title><script src="/index.js"></script><script>
const settings = {{ integrations: {{ 'Segment.io': {{
  apiKey: 'a-key', apiHost: '{TRACKER.removeprefix("http://")}/v1', protocol: 'http' }} }} }};
window.analytics = AnalyticsNext.AnalyticsBrowser.load({{ writeKey: 'a-key', cdnSettings: settings }},
  {{ disableClientPersistence: true }});
window.sent = 0;
for (let number = 0; number < {COUNT} - 1; number++)
  analytics.track('Ordered', {{ total: number }}).then(() => window.sent++);
addEventListener('pagehide', () => analytics.track('Ordered', {{ total: -1 }}));
</script>"""


class Pages(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path in ("/page", "/after"):
            body = (PAGE if self.path == "/page" else "<title>after</title>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=LIBRARY))
threading.Thread(target=server.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{server.server_port}"
with tempfile.TemporaryDirectory() as folder:
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for switch in [*SWITCHES, f"--user-data-dir={folder}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        driver.get(f"{origin}/page")
        until = time.time() + 30
        while driver.execute_script("return window.sent") < int(COUNT) - 1 and time.time() < until:
            time.sleep(0.1)
        # What failed at first is sent again from a queue.
        time.sleep(5)
        driver.get(f"{origin}/after")
        time.sleep(2)
        for entry in driver.get_log("browser"):
            print(entry["message"])
    finally:
        driver.quit()
