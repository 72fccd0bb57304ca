"""A crowd at the server: silent ones, slow readers, those who leave, those who try what HTTP allows. Who asks is answered."""

import contextlib
import json
import socket
import threading

import pytest
import torch

import regard
from regard.viewer.answers.packing import unpack
from support.serving import served

pytestmark = pytest.mark.slow

SIDE = 400


@pytest.fixture(scope="module")
def amap():
    torch.manual_seed(0)
    return regard.AttentionMap(*torch.randn(2, 1, 1, SIDE, 5), causal=True)


@pytest.fixture(scope="module")
def server(amap, tmp_path_factory):
    path = tmp_path_factory.mktemp("crowd") / "it.safetensors"
    amap.save(path)
    with served(path) as found:
        yield found


def asked(start, stop):
    cells = {"start": start, "stop": stop, "count": stop - start}
    about = {"map": 0, "heads": [0], "rows": cells, "columns": cells, "how": "mean"}
    return json.dumps(about | {"hideSpecial": False, "renormalise": False, "sample": 0}).encode()


def head(server, path="/documents/it/region", length=0, **more):
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": length, **server.cookie, **more}
    return f"POST {path} HTTP/1.1\r\n".encode() + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


def connected(server):
    return socket.create_connection((server.host, server.port), timeout=20)


def test_who_asks_is_answered_among_all_others(server, amap):
    whole = asked(0, SIDE)
    with contextlib.ExitStack() as crowd:
        for number in range(60):
            one = crowd.enter_context(connected(server))
            match number % 4:
                case 0:  # says nothing
                    pass
                case 1:  # half of a head
                    one.sendall(head(server, length=9)[:40])
                case 2:  # half of a question
                    one.sendall(head(server, length=len(whole)) + b"\r\n" + whole[:20])
                case 3:  # does not listen, or goes in the middle of the answer
                    one.sendall(head(server, length=len(whole)) + b"\r\n" + whole)
                    if number % 8 == 3:
                        one.recv(100)
                        one.close()
        wrong = []

        def ask(start):
            status, _, body = server.post("/documents/it/region", asked(start, start + 40))
            found = torch.from_numpy(unpack(body)[1]["values"].copy()) if status == 200 else status
            if status != 200 or not torch.allclose(found, amap[0, 0, start : start + 40, start : start + 40], atol=1e-6):
                wrong.append((start, found))

        clients = [threading.Thread(target=ask, args=(start,)) for start in range(0, 320, 20)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        assert not wrong
    assert server.get("/documents")[0] == 200


def test_questions_in_a_row_on_one_connection_are_answered_in_their_order(server):
    bodies = [asked(0, size) for size in (3, 5, 7)]
    data = b"".join(head(server, length=len(body)) + b"\r\n" + body for body in bodies[:-1])
    data += head(server, length=len(bodies[-1]), Connection="close") + b"\r\n" + bodies[-1]
    with connected(server) as one:
        one.sendall(data)
        found = b"".join(iter(lambda: one.recv(2**16), b""))
    answers = found.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [unpack(answer.partition(b"\r\n\r\n")[2])[0]["rows"] for answer in answers] == [3, 5, 7]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (400, 414, 431)),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"x: y\r\n" * 40_000 + b"\r\n", (400, 431)),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", (400, 421)),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", (400, 421)),
        (b"GET / HTTP/1.1\r\n\r\n", (400, 421)),
        (b"GET /..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (401, 404)),
        (b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (401, 405)),
        (
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            (400, 401, 405, 415),
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    ],
    ids=["long path", "many headers", "another site", "two hosts", "no host", "traversal", "trace", "two lengths", "TLS"],
)
def test_what_is_no_question_is_refused(server, data, status):
    with connected(server) as one:
        with contextlib.suppress(OSError):  # it need not listen to the end
            one.sendall(data)
        with contextlib.suppress(ConnectionError):
            said = one.recv(100)
            assert not said or int(said.split()[1]) in status, said
    assert server.get("/documents")[0] == 200


def test_a_socket_of_the_web_is_refused(server):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": "http://evil.example"}
    status, headers, _ = server.get("/documents", upgrade | {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert status == 403
    assert "access-control-allow-origin" not in {name.lower() for name in headers}
