"""A port on 127.0.0.1 that swallows connections: the queue behind it is full and nobody empties it.

Prints the port, then stays until its standard input ends.
"""

import socket
import sys

door = socket.socket()
door.bind(("127.0.0.1", 0))
door.listen(0)
waiting = []
while True:
    guest = socket.socket()
    guest.settimeout(0.3)
    waiting.append(guest)
    try:
        guest.connect(door.getsockname())
    except TimeoutError:
        break
    if len(waiting) > 64:
        sys.exit("the queue of a listening socket cannot be filled on this system")
print(door.getsockname()[1], flush=True)
sys.stdin.read()
