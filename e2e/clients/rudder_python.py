"""Sends events as a service does, by RudderStack's client for Python: TRACKER, COUNT."""

import sys

from rudderstack.analytics.client import Client

tracker, count = sys.argv[1:]
client = Client("a-key", host=tracker, max_retries=5, upload_size=2, timeout=5)
for number in range(int(count)):
    client.track(anonymous_id=f"id-{number}", event="Ordered", properties={"total": number})
client.flush()
client.join()
