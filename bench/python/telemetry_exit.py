"""Python dlt records some events and ends; how long that takes is measured from outside.

usage: telemetry_exit.py EVENTS
"""

import sys

from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.common.runtime.anon_tracker import track
from dlt.common.runtime.telemetry import start_telemetry

start_telemetry(resolve_configuration(RuntimeConfiguration()))
for _ in range(int(sys.argv[1])):
    track("command", "bench", {"elapsed": 0.1, "success": True})
