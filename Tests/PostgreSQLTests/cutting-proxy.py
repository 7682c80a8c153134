"""Stands between a client and a server of PostgreSQL. Of each third commit the answer is lost: the server has carried
it out, and the connection is cut. Prints its port, then a line for each cut.

    cutting-proxy.py SERVERPORT
"""

import socket
import sys
import threading

COMMIT = b"COMMIT\x00"
commits = 0
lock = threading.Lock()


def forward(source, target, watch):
    """Passes bytes on until one side ends; `watch` says what to do with some."""
    try:
        while data := source.recv(65536):
            if not watch(data):
                break
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    cuts = threading.Event()

    def requested(data):
        global commits
        if COMMIT in data:
            with lock:
                commits += 1
                if commits % 3 == 0:
                    cuts.set()
        return True

    def answered(data):
        if cuts.is_set():
            print("cut", flush=True)
            return False
        return True

    threading.Thread(target=forward, args=(client, server, requested), daemon=True).start()
    forward(server, client, answered)


with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
