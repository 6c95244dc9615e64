"""A CRM that can be told to misbehave, on a port of loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from serving.outbox.signing import DELIVERY, verify

SECRET = b"shared with the CRM"


@dataclass(frozen=True, slots=True)
class Reply:
    """How a delivery is answered; ``keeps`` says whether the CRM took it all the same."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keeps: bool = True
    after: float = 0.0
    trickles: bool = False


BUSY = Reply(429, {"Retry-After": "7"}, keeps=False)
BROKEN = Reply(500, keeps=False)
TOOK_IT_AND_BROKE = Reply(500)
IN_PART = Reply(207, body=b'{"results": [{"status": 409}]}', keeps=False)
IN_WHOLE = Reply(207, body=b'{"results": [{"status": 200}]}')
TOO_SLOW = Reply(after=0.6)
TRICKLE = Reply(keeps=False, trickles=True)
"""Headers that go on and on, each soon after the one before."""


class Crm:
    """Answers by ``script``, then with 200; keeps of each lead the message that was made last."""

    def __init__(self, script: list[Reply]) -> None:
        self.script = script
        self.heard: list[dict[str, object]] = []
        self.deliveries: list[str] = []
        self.forged = 0
        self.scores: dict[str, dict[str, object]] = {}
        self.lock = threading.Lock()
        self.url = ""

    def points_of(self, lead_id: str) -> object:
        return self.scores[lead_id]["points"]

    def take(self, body: bytes, headers: dict[str, str]) -> Reply:
        with self.lock:
            if not verify(body, headers, SECRET, now=time.time()):
                self.forged += 1
                return Reply(401)
            reply = self.script.pop(0) if self.script else Reply()
            told = orjson.loads(body)
            self.heard.append(told)
            self.deliveries.append(headers[DELIVERY])
            known = self.scores.get(told["lead_id"])
            if reply.keeps and (known is None or known["made_at"] <= told["made_at"]):
                self.scores[told["lead_id"]] = told
            return reply


@contextmanager
def running(*script: Reply) -> Iterator[Crm]:
    crm = Crm(list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = crm.take(body, dict(self.headers.items()))
            time.sleep(reply.after)
            self.send_response(reply.status)
            while reply.trickles:  # until the client goes away
                self.send_header("X-More", "1")
                self.flush_headers()
                time.sleep(0.02)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that went away is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    crm.url = f"http://127.0.0.1:{server.server_port}/scores"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield crm
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
