"""What the server answers, what it refuses, and that nothing that is done to it brings it down."""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
import torch

import regard
from regard.errors import OptionError
from regard.maps.storage import tensor_file
from regard.mechanisms.catalogue import card, catalogue
from regard.server import connections, read_ahead
from regard.server.application import application
from regard.server.documents import MADE, KeptDocuments
from regard.server.playground import Playground
from regard.server.read_ahead import Preparation
from regard.server.serving import address_of, checked_address, listening, server_of
from regard.server.worker import OVERTAKEN, BusyError, Worker
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.document.manifest import sent
from support.serving import Server, served

pytestmark = pytest.mark.slow

REGION = {
    "map": 0,
    "heads": [1],
    "rows": {"start": 0, "stop": 13, "count": 13},
    "columns": {"start": 0, "stop": 13, "count": 13},
    "how": "mean",
    "hideSpecial": False,
    "renormalise": False,
    "sample": 0,
}


@pytest.fixture(scope="module")
def amap():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 3, 13, 5)
    return regard.AttentionMap(query, key, causal=True)


@pytest.fixture(scope="module")
def server(amap, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "small.safetensors"
    amap.save(path)
    with served(path) as found:
        yield found


@pytest.fixture(scope="module")
def playground():
    with served(command="serve") as found:
        yield found


def error_of(answer):
    return answer[0], json.loads(answer[2])["error"]


class TestAnswers:
    def test_a_region_equals_the_map(self, server, amap):
        status, headers, body = server.post("/documents/small/region", REGION)
        assert status == 200
        assert headers["content-type"] == "application/octet-stream"
        meta, arrays = unpack(body)
        assert meta == {"rows": 13, "columns": 13, "sampled": 0, "every": 1}
        torch.testing.assert_close(torch.from_numpy(arrays["values"].copy()), amap[0, 1])

    def test_the_manifest(self, server):
        status, _, body = server.post("/documents/small/manifest", {})
        assert status == 200
        assert unpack(body)[0]["maps"][0]["queries"] == 13

    def test_the_list(self, server):
        listed = json.loads(server.get("/documents")[2])
        assert [one["id"] for one in listed["documents"]] == ["small"]
        assert not listed["playground"]

    def test_the_page_and_its_program_come_from_the_server_alone(self, server):
        status, headers, body = server.get("/")
        assert status == 200
        assert b"http" not in body.lower().replace(b"http-equiv", b"")
        assert "default-src 'none'" in headers["content-security-policy"]
        for path in ("/site.js", "/site.css", "/regard.js"):
            assert server.get(path)[0] == 200, path

    @pytest.mark.parametrize("path", ["/documents/other/region", "/documents/small/secrets", "/../../etc/passwd", "/%2e%2e/x"])
    def test_nothing_else_is_served(self, server, path):
        status, text = error_of(server.post(path, REGION))
        assert status in (400, 404)
        assert text

    @pytest.mark.parametrize(
        "change",
        [
            {"map": 7},
            {"map": "0"},
            {"heads": []},
            {"heads": [99]},
            {"rows": {"start": -1, "stop": 13, "count": 2}},
            {"rows": {"start": 0, "stop": 13, "count": 10**9}},
            {"columns": {"starts": [0], "stops": []}},
            {"how": "median"},
            {"sample": -1},
        ],
    )
    def test_a_question_that_makes_no_sense_is_told_so(self, server, change):
        status, text = error_of(server.post("/documents/small/region", {**REGION, **change}))
        assert status == 400
        assert "expected" in text


class TestRefusals:
    @pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "0.0.0.0"])
    def test_another_name_as_host(self, server, host):
        assert server.get("/documents", {"Host": host})[0] in (400, 421)

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:80", "LOCALHOST"])
    def test_names_of_this_machine(self, server, host):
        assert server.get("/documents", {"Host": host})[0] == 200

    def test_scripts_of_other_sites(self, server):
        assert server.post("/documents/small/region", REGION, {"Origin": "http://evil.example"})[0] == 403
        assert server.post("/documents/small/region", REGION, {"Origin": "null"})[0] == 403
        assert server.post("/documents/small/region", REGION, {"Origin": "http://[::1"})[0] == 403
        assert server.post("/documents/small/region", REGION, {"Sec-Fetch-Site": "cross-site"})[0] == 403
        assert server.post("/documents/small/region", REGION, {"Content-Type": "text/plain"})[0] == 415

    def test_its_own_page(self, server):
        own = {"Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
        assert server.post("/documents/small/region", REGION, own)[0] == 200

    def test_a_large_question(self, server):
        assert server.post("/documents/small/region", b"[" * (2**20 + 1))[0] == 413

    def test_a_large_question_of_unknown_length(self, server):
        head = b"POST /documents/small/region HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Cookie: {server.cookie['Cookie']}\r\n".encode()
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        answer = server.raw(head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk * 20 + b"0\r\n\r\n")
        assert b" 413 " in answer.split(b"\r\n")[0]

    @pytest.mark.parametrize(
        "body", [b"", b"nonsense", b"[]", b'"x"', b"{", b"[" * 100_000, b"\xff\xfe", b'{"map": NaN}', b'{"map": "\\ud800"}']
    )
    def test_a_body_that_is_no_question(self, server, body):
        assert server.post("/documents/small/region", body)[0] == 400


class TestEndurance:
    @pytest.mark.parametrize(
        "data",
        [
            b"\x00\x01\x02\x03\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"POST /documents/small/region HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
            b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
        ],
    )
    def test_malformed_requests(self, server, data):
        answer = server.raw(data, timeout=3)
        assert not answer or b" 200 " not in answer.split(b"\r\n")[0]
        assert server.get("/documents")[0] == 200

    def test_requests_that_are_broken_off(self, server):
        whole = json.dumps(REGION).encode()
        head = b"POST /documents/small/region HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: %d\r\n\r\n" % len(whole)
        for cut in (10, len(head) + 5, len(head) + len(whole)):
            with socket.create_connection((server.host, server.port)) as connection:
                connection.sendall((head + whole)[:cut])
        assert server.post("/documents/small/region", REGION)[0] == 200

    def test_many_at_once(self, server):
        answers = []

        def ask():
            answers.extend(server.post("/documents/small/region", REGION) for _ in range(20))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _, _ in answers} == {200}
        assert len({body for _, _, body in answers}) == 1

    def test_an_interrupt_ends_it_cleanly(self, amap, tmp_path):
        path = tmp_path / "map.safetensors"
        amap.save(path)
        with served(path, fresh=True) as server:
            held = socket.create_connection((server.host, server.port))  # a visitor who does not leave
            server.get("/documents")
        held.close()
        assert server.process.returncode == 0


class TestToken:
    def test_another_address_needs_one(self):
        with pytest.raises(OptionError, match="token"):
            checked_address("0.0.0.0", 0, None)
        with pytest.raises(OptionError, match="with --no-token"):
            checked_address("0.0.0.0", 0, None, no_token=True)
        assert len(checked_address("0.0.0.0", 0, "auto")) >= 16
        with pytest.raises(OptionError, match="at least 8"):
            checked_address("0.0.0.0", 0, "short")
        with pytest.raises(OptionError, match="port"):
            checked_address("127.0.0.1", 70_000, None)

    def test_this_machine_has_one_too_unless_that_is_said(self):
        assert len(checked_address("127.0.0.1", 0, None)) >= 16
        assert checked_address("127.0.0.1", 0, None, no_token=True) is None
        with pytest.raises(OptionError, match="got both"):
            checked_address("127.0.0.1", 0, "long enough", no_token=True)
        with pytest.raises(OptionError, match="can be typed"):
            checked_address("127.0.0.1", 0, "long enough \udcff")

    @pytest.mark.parametrize(
        "token", ["abc;def gh", 'a"b\\c,dééé', "with space 1", "a&b=c#d%41xyz", "+++++/////", "日本語日本語日本"]
    )
    def test_any_token_in_an_address(self, amap, tmp_path, token):
        amap.save(tmp_path / "map")
        with served(tmp_path / "map", "--token", token) as server:
            assert server.token == token
            query = server.address.partition("?")[2]
            status, headers, _ = server.request("GET", f"/?{query}", None, {}, known=False)
            assert status == 303
            kept = {"Cookie": headers["set-cookie"].split(";")[0]}
            assert server.request("GET", "/documents", None, kept, known=False)[0] == 200

    @pytest.mark.parametrize(
        ("host", "name"), [("0.0.0.0", socket.gethostname()), ("::", socket.gethostname()), ("::1", "[::1]")]
    )
    def test_an_address_that_can_be_typed(self, host, name):
        assert address_of(host, 80, None) == f"http://{name}:80/"

    def test_an_address_that_cannot_be_listened_on(self):
        taken = socket.create_server(("127.0.0.1", 0))
        with taken, pytest.raises(OSError, match="--port 0 takes a free one"), listening(*taken.getsockname()):
            pass
        with pytest.raises(OSError, match="--host takes an address of this machine"), listening("203.0.113.7", 0):
            pass

    def test_answers_do_not_wait_until_the_client_acknowledges_their_heads(self):
        async def sends_at_once():
            with listening("127.0.0.1", 0) as found:
                met = asyncio.get_running_loop().create_future()
                server = await asyncio.start_server(lambda _, writer: met.set_result(writer), sock=found.dup())
                async with server:
                    _, writer = await asyncio.open_connection(*found.getsockname())
                    answering = await met
                    there = answering.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                    for one in (writer, answering):
                        one.close()
                    return there

        assert asyncio.run(sends_at_once())

    def test_who_has_none_is_refused_and_who_has_it_gets_a_cookie(self, amap, tmp_path):
        path = tmp_path / "map.safetensors"
        amap.save(path)
        with served(path, "--token", "auto") as server:

            def strange(method, path, body=None, headers=()):
                return server.request(method, path, body, dict(headers), known=False)

            json_body = json.dumps(REGION).encode(), {"Content-Type": "application/json"}
            assert strange("GET", "/documents")[0] == 401
            assert strange("GET", "/documents?token=wrong")[0] == 401
            assert strange("POST", "/documents/map/region", *json_body)[0] == 401
            status, headers, _ = strange("GET", f"/?token={server.token}")
            assert status == 303
            assert headers["location"] == "/"
            assert strange("GET", f"//elsewhere.example/?token={server.token}")[1]["location"] == "/elsewhere.example/"
            cookie = headers["set-cookie"]
            assert cookie.startswith(f"regard_token_{server.port}=")
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            kept = {"Cookie": cookie.split(";")[0], "Host": "elsewhere.example"}
            assert strange("GET", "/documents", None, kept)[0] == 200
            assert strange("POST", "/documents/map/region", json_body[0], kept | json_body[1])[0] == 200
            assert strange("GET", "/documents", None, {"Cookie": f"regard_token_{server.port}=wrong"})[0] == 401

    def test_another_user_of_the_machine_sees_nothing(self, server):
        for path in ("/", "/documents", "/site.js"):
            status, headers, body = server.request("GET", path, None, {}, known=False)
            assert status == 401
            assert b"small" not in body
            assert "default-src 'none'" in headers["content-security-policy"]

    def test_from_the_file_that_opens_the_browser_a_page_leads_on(self, server):
        cross = {"Sec-Fetch-Site": "cross-site"}
        status, headers, body = server.request("GET", f"/?token={server.token}", None, cross, known=False)
        assert status == 200
        assert b'content="0; url=/"' in body
        assert "set-cookie" in headers
        hostile = server.request("GET", f"//e.example/%22%3E%3Cscript%3E?token={server.token}", None, cross, known=False)[2]
        assert b"<script" not in hostile
        assert b"url=/e.example/" in hostile

    def test_without_one_that_is_said_aloud(self, amap, tmp_path):
        amap.save(tmp_path / "map")
        with served(tmp_path / "map", "--no-token") as server:
            assert server.token is None
            assert server.get("/documents")[0] == 200
            assert server.get("/documents", {"Host": "evil.example"})[0] == 421
            said = [server.process.stderr.readline() for _ in range(2)]  # that it is opening the file, first
            assert "no token: every user of this machine" in said[1]

    def test_a_browser_is_not_called_with_it(self, amap, tmp_path, monkeypatch):
        program = tmp_path / "browser"
        program.write_text(
            f'#!/bin/sh\nls -l "${{1#file://}}" > {tmp_path}/mode; cat "${{1#file://}}" > {tmp_path}/page\n'
            f'echo "$@" > {tmp_path}/called\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("BROWSER", f"{program} %s")
        amap.save(tmp_path / "map")
        with served(tmp_path / "map", browser=True) as server:
            for _ in range(100):
                if (tmp_path / "called").exists():
                    break
                time.sleep(0.1)
            called = (tmp_path / "called").read_text()
            assert called.startswith("file://")
            assert server.token not in called
            assert server.token in (tmp_path / "page").read_text()
            assert (tmp_path / "mode").read_text().startswith("-rw------- ")
        assert not Path(called.strip().removeprefix("file://")).exists()


class TestPlayground:
    def test_it_translates(self, playground):
        status, _, body = playground.post("/playground/translate", {"text": "The cat sat on the mat."})
        assert status == 200, body
        made = json.loads(body)
        manifest = unpack(playground.post(f"/documents/{made['id']}/manifest", {})[2])[0]
        assert manifest["alignments"][0]["targetWords"] == regard.translate("The cat sat on the mat.").text.split()

    def test_a_translation_that_is_known(self, playground):
        asked = {"text": "The cat sleeps.", "target": "Le chat dort."}
        made = json.loads(playground.post("/playground/translate", asked)[2])
        manifest = unpack(playground.post(f"/documents/{made['id']}/manifest", {})[2])[0]
        assert manifest["alignments"][0]["targetWords"] == ["Le", "chat", "dort."]

    def test_it_shows_mechanisms(self, playground):
        offered = json.loads(playground.get("/playground")[2])
        assert [one["name"] for one in offered["mechanisms"]] == [one.name for one in catalogue()]
        assert {one["name"]: one["steps"] for one in offered["mechanisms"]}.items() >= {
            "softcap": True,
            "sigmoid": False,
        }.items()
        made = json.loads(playground.post("/playground/mechanism", {"name": "softcap"})[2])
        manifest = unpack(playground.post(f"/documents/{made['id']}/manifest", {})[2])[0]
        assert manifest == sent(document(card("softcap")).manifest)
        status, _, body = playground.post(f"/documents/{made['id']}/steps", {"map": 0, "head": 1})
        assert status == 200, body
        assert "capped" in unpack(body)[1]

    @pytest.mark.parametrize(
        ("what", "asked", "told"),
        [
            ("translate", {}, "text: expected at most 2,000 characters of text, got None; shorten it"),
            ("translate", {"text": ""}, "expected"),
            ("translate", {"text": 5}, "text: expected at most 2,000 characters of text, got 5;"),
            ("translate", {"text": "x" * 5000}, "text: expected at most 2,000 characters of text, got 5,000;"),
            (
                "translate",
                {"text": "yes", "target": ["oui"]},
                "target: expected at most 2,000 characters of text, got ['oui'];",
            ),
            ("mechanism", {"name": "nonsense"}, "expected"),
            ("shell", {"text": "ls"}, "got 'shell'"),
            ("translate", {"text": "a\ud800"}, "expected JSON"),
        ],
    )
    def test_it_refuses(self, playground, what, asked, told):
        status, text = error_of(playground.post(f"/playground/{what}", asked))
        assert status == 400
        assert told in text


def test_the_shelf_makes_room_and_keeps_what_was_given():
    given, made = document(torch.eye(3)), document(torch.eye(5))
    documents = KeptDocuments({"given": given})
    names = [documents.add(made) for _ in range(MADE + 3)]
    assert documents.get("given") is given
    assert documents.get(names[0]) is None
    assert documents.get(names[-1]) is made
    assert len(documents.titles()) == MADE + 1


def test_a_server_of_nothing_is_refused():
    with pytest.raises(OptionError, match="neither"):
        application({})
    application({}, playground=Playground())


class TestWorker:
    def test_who_has_gone_is_not_computed_for_and_others_are(self):
        done = []

        async def scene():
            worker = Worker()

            async def gone():
                return True

            async def here():
                return False

            first = asyncio.create_task(worker.run(lambda: (time.sleep(0.5), done.append("first")), here))
            await asyncio.sleep(0.05)
            left = asyncio.create_task(worker.run(lambda: done.append("left"), gone))
            last = asyncio.create_task(worker.run(lambda: done.append("last"), here))
            await asyncio.gather(first, left, last)
            worker.close()

        asyncio.run(scene())
        assert done == ["first", "last"]

    def test_too_many_are_refused_before_their_turn(self):
        async def scene():
            worker = Worker(waiting=1)

            async def here():
                return False

            first = asyncio.create_task(worker.run(lambda: time.sleep(3), here))
            await asyncio.sleep(0.05)
            with pytest.raises(BusyError):
                await worker.run(lambda: None, here)
            assert not first.done()
            await first
            assert await worker.run(lambda: 5, here) == 5
            worker.close()

        asyncio.run(scene())

    def test_who_has_gone_makes_room_for_others_before_its_turn(self):
        async def scene():
            worker = Worker(waiting=2)

            async def here():
                return False

            async def gone():
                return True

            first = asyncio.create_task(worker.run(lambda: time.sleep(1.5), here))
            await asyncio.sleep(0.05)
            left = asyncio.create_task(worker.run(lambda: None, gone))
            await asyncio.sleep(0.6)
            assert not first.done()
            last = asyncio.create_task(worker.run(lambda: 5, here))
            assert await last == 5
            await asyncio.gather(first, left)
            worker.close()

        asyncio.run(scene())

    def test_who_comes_just_after_a_crowd_that_left_is_not_refused(self):
        async def scene():
            worker = Worker(waiting=5)

            async def here():
                return False

            async def gone():
                return True

            first = asyncio.create_task(worker.run(lambda: time.sleep(0.5), here))
            await asyncio.sleep(0.05)
            crowd = [asyncio.create_task(worker.run(lambda: None, gone)) for _ in range(4)]
            await asyncio.sleep(0)
            assert await worker.run(lambda: 5, here) == 5
            await asyncio.gather(first, *crowd)
            worker.close()

        asyncio.run(scene())

    def test_quick_questions_go_first_but_not_for_ever(self):
        done = []

        async def scene():
            worker = Worker()

            async def here():
                return False

            def ask(name, *, quick):
                return asyncio.create_task(worker.run(lambda: done.append(name), here, quick=quick))

            first = asyncio.create_task(worker.run(lambda: time.sleep(0.3), here))
            await asyncio.sleep(0.05)
            asked = [
                ask("slow", quick=False),
                ask("slow", quick=False),
                *(ask("quick", quick=True) for _ in range(OVERTAKEN + 3)),
            ]
            await asyncio.gather(first, *asked)
            worker.close()

        asyncio.run(scene())
        assert done == ["quick"] * OVERTAKEN + ["slow"] + ["quick"] * 3 + ["slow"]

    def test_an_error_does_not_stop_the_others(self):
        async def scene():
            worker = Worker()

            async def here():
                return False

            with pytest.raises(ZeroDivisionError):
                await worker.run(lambda: 1 // 0, here)
            assert await worker.run(lambda: 7, here) == 7
            worker.close()

        asyncio.run(scene())


class TestPreparation:
    @pytest.fixture
    def long(self):
        torch.manual_seed(2)
        return document(regard.AttentionMap(*torch.randn(2, 1, 2, 4099, 3).unbind(0), causal=True), max_work=10**7)

    def known(self, shown):
        return shown.maps[0].amap.view.source.known((0,), range(2), range(4099)).isnan().logical_not()[0]

    def test_it_begins_with_the_head_that_is_looked_at(self, long, monkeypatch):
        monkeypatch.setattr(read_ahead, "STEP_WORK", 4099 * 3 * 1000)
        steps = Preparation(long)
        assert not steps.step()  # nothing has been looked at
        cells = {"start": 4000, "stop": 4099, "count": 3}
        long.answer("region", {**REGION, "heads": [1], "rows": cells, "columns": cells})
        assert steps.step()
        assert self.known(long)[1, :1000].all()
        assert not self.known(long)[0].any()
        while steps.step():
            pass
        assert self.known(long).all()

    def test_short_and_dense_maps_need_none(self):
        for amap in (regard.AttentionMap(*torch.randn(2, 1, 2, 7, 3)), torch.eye(7)):
            shown = document(amap)
            cells = {"start": 0, "stop": 7, "count": 7}
            shown.answer("region", {**REGION, "heads": [0], "rows": cells, "columns": cells})
            assert not Preparation(shown).step()

    def test_it_happens_between_questions_and_stops_for_them(self, long):
        async def scene():
            worker = Worker()
            task = asyncio.create_task(read_ahead.read_ahead(worker, lambda: long))
            cells = {"start": 0, "stop": 4099, "count": 3}
            long.answer("region", {**REGION, "heads": [0], "rows": cells, "columns": cells, "sample": 1})

            async def here():
                return False

            for _ in range(100):
                await asyncio.sleep(0.1)
                assert await worker.run(lambda: 3, here) == 3
                await asyncio.sleep(read_ahead.QUIET)
                if self.known(long).all():
                    break
            task.cancel()
            worker.close()

        asyncio.run(scene())
        assert self.known(long).all()

    def test_who_asks_again_and_again_is_never_kept_waiting_by_it(self, long):
        async def scene():
            worker = Worker()
            task = asyncio.create_task(read_ahead.read_ahead(worker, lambda: long))
            long.looked_at = 0, 0

            async def here():
                return False

            for _ in range(40):  # idle in between, but for no longer than a moment
                assert await worker.run(lambda: 3, here) == 3
                await asyncio.sleep(read_ahead.QUIET / 8)
            asked = self.known(long).any()
            await asyncio.sleep(3 * read_ahead.QUIET)
            task.cancel()
            worker.close()
            return asked

        assert not asyncio.run(scene())
        assert self.known(long).any()


class TestConnections:
    """Who says nothing, and who does not listen."""

    def test_three_hundred_silent_ones_lock_nobody_out(self, server):
        silent = [socket.create_connection((server.host, server.port)) for _ in range(300)]
        try:
            for _ in range(5):
                assert server.get("/documents")[0] == 200
            assert server.post("/documents/small/region", REGION)[0] == 200
        finally:
            for one in silent:
                one.close()
        assert server.get("/documents")[0] == 200

    def test_who_speaks_is_not_closed_for_those_who_do_not(self, server):
        kept = http.client.HTTPConnection(server.host, server.port, timeout=60)
        silent = []
        try:
            for _ in range(2):
                kept.request("GET", "/documents", headers=server.cookie)
                assert kept.getresponse().read()
                silent += [socket.create_connection((server.host, server.port)) for _ in range(300)]
        finally:
            for one in silent:
                one.close()
            kept.close()

    def test_a_silent_one_is_closed(self, monkeypatch):
        monkeypatch.setattr(connections, "FIRST", 0.2)
        monkeypatch.setattr(connections, "NEXT", 0.2)
        with in_this_process(echo) as port:
            whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for said in (b"", whole[:-4], whole, whole + b"GET"):
                with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
                    one.sendall(said)
                    while one.recv(65536):
                        pass  # ends when the server closes it

    def test_a_head_that_drips_is_closed_too(self, monkeypatch):
        monkeypatch.setattr(connections, "FIRST", 0.3)
        with in_this_process(echo) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as one:
            one.settimeout(0.05)
            for _ in range(200):
                try:
                    one.sendall(b"G")
                    if not one.recv(1):
                        return
                except TimeoutError:
                    continue
                except ConnectionError:
                    return
        raise AssertionError("it is open after ten seconds")

    def test_who_does_not_read_an_answer_is_closed(self, monkeypatch):
        monkeypatch.setattr(connections, "STALLED", 0.2)
        with in_this_process(much) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(2)
            got = 0
            with contextlib.suppress(ConnectionError):
                while piece := one.recv(2**20):
                    got += len(piece)
            assert got < 2**26

    def test_what_breaks_has_the_same_headers(self, monkeypatch):
        def broken(question, _):
            if question == "region":
                raise RuntimeError("secret")

        shown = document(torch.eye(13).expand(1, 2, 13, 13))
        monkeypatch.setattr(shown, "answer", broken)
        with in_this_process(application({"it": shown})) as port:
            server = Server(f"http://127.0.0.1:{port}/", None)
            status, headers, body = server.post("/documents/it/region", REGION)
            assert status == 500
            assert b"secret" not in body
            for name in ("content-security-policy", "x-content-type-options", "cross-origin-resource-policy", "cache-control"):
                assert name in headers

    def test_a_file_that_was_cut_short_is_said_and_the_server_lives(self, amap, tmp_path, monkeypatch):
        monkeypatch.setattr(tensor_file, "COPIED_BYTES", 0)
        amap.save(tmp_path / "map")
        shown = document(regard.load(tmp_path / "map"), statistics=False)
        os.truncate(tmp_path / "map", 600)
        with in_this_process(application({"it": shown})) as port:
            server = Server(f"http://127.0.0.1:{port}/", None)
            status, text = error_of(server.post("/documents/it/region", REGION))
            assert status == 409
            assert "cut short" in text
            assert server.get("/documents")[0] == 200


async def echo(scope, _receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def much(scope, _receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(2**26)})


@contextlib.contextmanager
def in_this_process(app):
    """Served by a thread of ours, where a test can change what it likes; its port."""
    with listening("127.0.0.1", 0) as found:
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [found]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield found.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
