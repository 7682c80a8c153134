#!/usr/bin/env python3
"""Servers that take alerts, and are as strict as the real ones: receivers.py FOLDER

Writes FOLDER/ports (http, https, mail and impostor, whose certificate nobody trusts) once all listen, and a line of
JSON into FOLDER/received for each thing that came. FOLDER has cert.pem, key.pem and the webhooks' secret.

  /slack /pagerduty /hook /alertmanager   check what they get field by field, and refuse what is wrong
  /busy     503 with Retry-After: 1, twice, then 200          /later   429 with Retry-After: 2, once
  /gone     410                                               /slow    answers after five seconds
  /coin     fails every other time, in changing ways          /never   does not answer at all
  /moved    sends elsewhere                                   /echo    400 with what it was sent
  /drip     sends its answer a byte at a time, without end
"""
import base64
import hashlib
import hmac
import json
import os
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

folder = sys.argv[1]
began = time.time()
lock = threading.Lock()
counts = {}
log = open(os.path.join(folder, "received"), "a")


def note(**what):
    with lock:
        log.write(json.dumps({"at": time.time(), **what}) + "\n")
        log.flush()


def slack(body, _):
    if not isinstance(body.get("text"), str) or not body["text"]:
        return 400, "no_text"
    for attachment in body.get("attachments", []):
        if not re.fullmatch("#[0-9a-f]{6}", attachment.get("color", "")):
            return 400, "invalid_color"
        blocks = attachment.get("blocks", [])
        if not 1 <= len(blocks) <= 50:
            return 400, "invalid_blocks"
        for block in blocks:
            if block["type"] == "section":
                text = block["text"]
                if text["type"] != "mrkdwn" or not 1 <= len(text["text"]) <= 3000:
                    return 400, "invalid_blocks"
                if re.search("<(?!https?:)", text["text"]):
                    return 400, "unescaped"
            elif block["type"] == "context":
                if not all(1 <= len(element["text"]) <= 3000 for element in block["elements"]):
                    return 400, "invalid_blocks"
            elif block["type"] == "actions":
                if not all(e["type"] == "button" and e["url"].startswith("http") for e in block["elements"]):
                    return 400, "invalid_blocks"
            else:
                return 400, "invalid_blocks"
    return 200, "ok"


def pagerduty(body, _):
    faults = []
    if not re.fullmatch("[0-9a-zA-Z]{32}", body.get("routing_key", "")):
        faults.append("routing_key")
    action = body.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        faults.append("event_action")
    if not 1 <= len(body.get("dedup_key", "")) <= 255:
        faults.append("dedup_key")
    if action == "trigger":
        payload = body.get("payload", {})
        if not 1 <= len(payload.get("summary", "")) <= 1024:
            faults.append("payload.summary")
        if not payload.get("source"):
            faults.append("payload.source")
        if payload.get("severity") not in ("critical", "error", "warning", "info"):
            faults.append("payload.severity")
        if "timestamp" in payload and not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", payload["timestamp"]):
            faults.append("payload.timestamp")
        if not isinstance(payload.get("custom_details", {}), dict):
            faults.append("payload.custom_details")
    if faults:
        return 400, json.dumps({"status": "invalid event", "errors": faults})
    return 202, json.dumps({"status": "success", "dedup_key": body["dedup_key"]})


def hook(body, request):
    with open(os.path.join(folder, "secret")) as file:
        keys = [base64.b64decode(line.strip()[len("whsec_"):]) for line in file if line.strip()]
    id, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    if not id or "." in id or abs(time.time() - int(stamp)) > 300:
        return 401, "no id, or too old"
    signed = f"{id}.{stamp}.".encode() + request.body
    given = (request.headers["webhook-signature"] or "").split(" ")
    wanted = ["v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    if sorted(given) != sorted(wanted):
        return 401, "wrong signature"
    if len(request.body) > 20_000 or body["data"]["id"] != id or not body["type"].startswith("alert."):
        return 400, "not as agreed"
    return 200, "ok"


def alertmanager(body, _):
    if not isinstance(body, list):
        return 400, "an array is wanted"
    for alert in body:
        labels = alert.get("labels")
        if not labels:
            return 422, "0.labels in body is required"
        for name, value in labels.items():
            if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) or not isinstance(value, str):
                return 400, f'invalid name "{name}"'
    return 200, ""


CHECKS = {"/slack": slack, "/pagerduty": pagerduty, "/hook": hook, "/alertmanager/api/v2/alerts": alertmanager}


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        note(path=self.path, method="GET", code=200)
        self.answer(200, "ok")

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.split("?")[0]
        with lock:
            counts[path] = turn = counts.get(path, 0) + 1
        try:
            body = json.loads(self.body)
        except ValueError:
            body = None
        code, text, headers = 200, "ok", {}
        if path in CHECKS:
            try:
                code, text = CHECKS[path](body, self)
            except (KeyError, TypeError, AttributeError, ValueError) as fault:
                code, text = 400, f"{type(fault).__name__}: {fault}"
        elif path == "/busy" and turn <= 2:
            code, headers = 503, {"Retry-After": "1"}
        elif path == "/later" and turn == 1:
            code, headers = 429, {"Retry-After": "2"}
        elif path == "/gone":
            code, text = 410, "gone"
        elif path == "/moved":
            code, headers = 302, {"Location": f"http://127.0.0.1:{ports['http']}/hook"}
        elif path == "/echo":
            code, text = 400, f"no: {self.path} {self.body.decode(errors='replace')} {self.headers}"
        elif path == "/slow":
            time.sleep(5)
        elif path == "/never":
            time.sleep(600)
        elif path == "/coin" and turn % 2:
            code = [500, 503, 429, 0][turn // 2 % 4]
        kind = self.headers.get("Content-Type", "")
        note(
            path=path, code=code, turn=turn, body=body, tls=isinstance(self.connection, ssl.SSLSocket), kind=kind,
            id=self.headers.get("webhook-id"), text=text if code >= 400 else "")
        if path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while True:
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.1)
        if code == 0:
            # The connection breaks before an answer.
            self.close_connection = True
            return
        self.answer(code, text, headers)

    def answer(self, code, text, headers={}):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # A short queue would make clients wait a second for their connection.
    request_queue_size = 128


class Mailbox:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        if address.startswith("full") and not counts.setdefault("full", 0):
            counts["full"] += 1
            return "452 no room at the moment"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        note(
            path="mail", code=250, sender=envelope.mail_from, to=envelope.rcpt_tos, tls=session.ssl is not None,
            user=session.authenticated, text=envelope.content.decode())
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and data == LoginPassword(b"assay", b"mail-secret")
    # The server itself says no.
    return AuthResult(success=known, handled=False)


def context(certificate, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(os.path.join(folder, certificate), os.path.join(folder, key))
    return made


def serve(certificate=None, key=None):
    server = Server(("127.0.0.1", 0), Receiver)
    if certificate:
        server.socket = context(certificate, key).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


ports = {"http": serve(), "https": serve("cert.pem", "key.pem"), "impostor": serve("other.pem", "other-key.pem")}
mail = Controller(
    Mailbox(), "127.0.0.1", int(sys.argv[2]), tls_context=context("cert.pem", "key.pem"), require_starttls=True,
    authenticator=authenticate, auth_required=True)
mail.start()
ports["mail"] = int(sys.argv[2])
with open(os.path.join(folder, "ports.new"), "w") as file:
    json.dump(ports, file)
os.rename(os.path.join(folder, "ports.new"), os.path.join(folder, "ports"))
# Gone with whoever has started it.
while os.getppid() != 1:
    time.sleep(0.2)
