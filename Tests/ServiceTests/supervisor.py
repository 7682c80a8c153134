"""Starts a command as systemd would: with a socket that listens already, a place for notices, and a watchdog.

    supervisor.py COMMAND...

Prints the notices of three seconds, each once, what the socket answers, and the notices of the end.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notices.bind("notices")
notices.settimeout(0.2)
listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]


def prepare():
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


environment = dict(os.environ, NOTIFY_SOCKET=os.path.abspath("notices"), WATCHDOG_USEC="3000000", LISTEN_FDS="1")
command = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *sys.argv[1:]]
process = subprocess.Popen(command, env=environment, preexec_fn=prepare, pass_fds=[3], stderr=subprocess.DEVNULL)


def told(seconds):
    seen = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            notice = notices.recv(1024).decode()
            if notice not in seen:
                seen.append(notice)
        except TimeoutError:
            pass
    return " ".join(seen)


print(told(3.5))
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read().decode().strip())
process.terminate()
print(told(1))
print(process.wait())
