"""Uploads that tests send: begun, in parts, and halted half-way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from web_server import Server

HALT_S = 60


def begun(server: Server, name: str, size: int, **more) -> dict:
    """Begin an upload."""
    answer = server.post("/api/uploads", {"name": name, "size": size, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def sent(server: Server, upload: dict, offset, data):
    """Send a part."""
    return server.put(f"/api/uploads/{upload['upload']}?offset={offset}", data)


@contextmanager
def half_sent(server: Server, upload: dict, data: bytes, at: int) -> Iterator[list]:
    """Inside, another page has sent the first bytes of an upload, and waits; then it sends the rest, and its answer is
    in the list that this gives."""
    began, rest, answers = threading.Event(), threading.Event(), []

    def slow():
        yield data[:at]
        began.set()
        rest.wait(HALT_S)
        yield data[at:]

    sending = threading.Thread(target=lambda: answers.append(sent(server, upload, 0, slow())))
    sending.start()
    try:
        began.wait(HALT_S)
        yield answers
    finally:
        rest.set()
        sending.join()
