"""Clients that take their time, or send what nobody should, while others are served.

    slow-clients.py PORT LINES COUNT

Prints how long an ordinary request takes at the median, in milliseconds, without and with them, and how many of the
slow ones were shut in the end, and how many of them were told with a 408 that they are too slow.
"""

import http.client
import socket
import sys
import threading
import time

port, lines, count = int(sys.argv[1]), open(sys.argv[2], "rb").read().splitlines(), int(sys.argv[3])
head = b"POST /v1/assessments HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
taken = iter(lines)


def median():
    times = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(200):
        began = time.monotonic()
        connection.request("POST", "/v1/assessments", next(taken), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        times.append(time.monotonic() - began)
    return 1000 * sorted(times)[len(times) // 2]


def open_slowly(number):
    """Half of them send a byte now and then, the others wait, send garbage, or never read."""
    connection = socket.create_connection(("127.0.0.1", port), 20)
    kind = number % 5
    if kind == 0:
        return connection, b"POST /v1/assess"
    if kind == 1:
        return connection, head + b"X-Long: "
    if kind == 2:
        connection.sendall(head + b"Content-Length: 60000000\r\n\r\n{")
        return connection, b""
    if kind == 3:
        connection.sendall(b"\x00\xff GET / HTTP/9.9\r\n\r\n" * 20)
        return connection, b""
    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50)
    return connection, b""


alone = median()
slow = [open_slowly(number) for number in range(count)]
isOver = threading.Event()


def trickle():
    place = 0
    while not isOver.is_set():
        for connection, text in slow:
            try:
                connection.send(text[place:place + 1] if place < len(text) else b"a" if text else b"")
            except OSError:
                pass
        place += 1
        time.sleep(0.2)


def flood():
    """Headers without an end."""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\n" + b"A: " + b"b" * 1_000_000)
    except OSError:
        pass


thread = threading.Thread(target=trickle)
thread.start()
flood()
beside = median()
time.sleep(4)
isOver.set()
thread.join()
shut = told = 0
for connection, _ in slow:
    connection.settimeout(0.05)
    try:
        while piece := connection.recv(1 << 16):
            told += piece.startswith(b"HTTP/1.1 408 ")
        shut += 1
    except ConnectionError:
        shut += 1
    except OSError:
        pass
print(f"{alone:.2f} {beside:.2f} {shut} {told}")
