"""`sagewright load`: requests at planned times, and what is told of their answers."""

import contextlib
import http.server
import os
import pty
import subprocess
import threading
import time

import pytest

import harness
from command import Cli, config, endpoint, many, model



@pytest.fixture(scope="module")
def served(cloud, tmp_path_factory):
    """An endpoint of two variants, and the command in their account."""
    cli = Cli(cloud, "444455556666", tmp_path_factory.mktemp("load"))
    both = config("served", "a")
    variants = both["spec"]["productionVariants"]
    variants[0] |= {"variantName": "a", "initialVariantWeight": 3}
    variants.append(variants[0] | {"variantName": "b", "modelRef": {"from": {"name": "b"}}, "initialVariantWeight": 1})
    items = [model("a", cli.account), model("b", cli.account), both, endpoint("served", "served")]
    cli("apply", "-f", "-", stdin=many(*items))
    return cli


class Server:
    """What stands in for an endpoint: answers as the test says, from the second request on."""

    def __init__(self, answer):
        self.bodies = []
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.bodies.append(body)
                status = answer(outer) if len(outer.bodies) > 1 else 200
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(status)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")

            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                """A client that goes away is no news."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def stand_in(cloud, account, tmp_path):
    """Starts a server that stands in for the runtime, and gives it with the command that calls it."""
    servers = []

    class Called(Cli):
        def environment(self, **more):
            return super().environment(AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=servers[-1].url, **more)

    def start(answer):
        servers.append(Server(answer))
        return servers[-1], Called(cloud, account, tmp_path)

    yield start
    for server in servers:
        server.stop()


def load(cli, *words, code=0, **more):
    return cli("load", "served", *words, "-o", "json", code=code, **more)


def test_answers_are_counted_by_status_and_variant(served):
    told = load(served, "--rate", "60", "--duration", "1s", "--body", "-", stdin="1,2").json()
    assert told["format"] == "sagewright.dev/load/v1" and told["ok"] and not told["interrupted"]
    assert told["requests"] | {"perSecond": 0} == {
        "planned": 60, "sent": 60, "notSent": 0, "failed": 0, "unanswered": 0, "perSecond": 0, "errorPercent": 0,
    }  # fmt: skip
    [answer] = told["answers"]
    assert (answer["status"], answer["code"], answer["requests"]) == (200, None, 60)
    times = told["latencyMs"]
    assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["p99.9"] <= times["max"]
    assert {v["name"] for v in told["variants"]} == {"a", "b"} and sum(v["requests"] for v in told["variants"]) == 60
    only = load(served, "--rate", "5", "--duration", "1s", "--body", "-", "--variant", "b", stdin="x").json()
    assert [(v["name"], v["requests"]) for v in only["variants"]] == [("b", 5)]


def test_people_get_a_table(served):
    told = served("load", "Endpoint/served", "--rate", "10", "--duration", "1s", "--body", "-", stdin="x")
    assert told.lines[0].startswith("served: 10 of 10 requests sent in 1.0 s")
    rows = {line.split("  ")[0]: line.split() for line in told.lines[2:]}
    assert rows["200"][1:3] == ["10", "100.0%"] and rows["200"][3].endswith("ms")
    assert told.err == served.target, "nothing is redrawn where there is no terminal"


def test_bodies_are_sent_in_turn(stand_in):
    server, cli = stand_in(lambda _: 200)
    (cli.folder / "rows.csv").write_text("1\r\n2\n\n3\n")
    load(cli, "--rate", "7", "--duration", "1s", "--body", "rows.csv", "--lines")
    assert server.bodies[0] == "1" and sorted(server.bodies[1:]) == sorted("1231231")
    server.bodies.clear()
    bodies = cli.folder / "bodies"
    (bodies / "folder").mkdir(parents=True)
    for name in ("b", "a", ".hidden"):
        (bodies / name).write_text(name)
    load(cli, "--rate", "4", "--duration", "1s", "--body", "bodies")
    assert server.bodies[0] == "a" and sorted(server.bodies[1:]) == ["a", "a", "b", "b"]
    (bodies / "a").write_text("")
    (cli.folder / "empty").mkdir()
    assert "nothing to send in empty" in cli("load", "e", "--body", "empty", code=64).err
    assert "nothing to send in" in cli("load", "e", "--body", "bodies/a", "--lines", code=64).err


def test_errors_are_counted_and_not_repeated(served):
    for body, status in [("fail", 424), ("break", 424)]:
        told = load(served, "--rate", "5", "--duration", "1s", "--body", "-", stdin=body).json()
        [answer] = told["answers"]
        assert (answer["status"], answer["code"], answer["requests"]) == (status, "ModelError", 5)
        assert (told["requests"]["failed"], told["requests"]["errorPercent"], told["latencyMs"]) == (5, 100, None)
        assert told["ok"], "without a limit it only reports"


def test_throttles_are_counted_and_do_not_slow_it_down(stand_in):
    server, cli = stand_in(lambda _: 429)
    told = load(cli, "--rate", "30", "--duration", "1s", "--body", "-", stdin="x").json()
    assert (told["requests"]["sent"], told["requests"]["failed"]) == (30, 30) and told["answers"][0]["status"] == 429
    assert len(server.bodies) == 31


def test_limits_decide_the_exit_code(served, stand_in):
    words = ["--rate", "4", "--duration", "1s", "--body", "-"]
    held = load(served, *words, "--max-errors", "0", "--max-p99", "60000", stdin="x").json()
    assert held["ok"] and [gate["holds"] for gate in held["gates"]] == [True, True]
    told = load(served, *words, "--max-errors", "50%", "--max-p99", "60000ms", stdin="fail", code=1)
    assert "--max-errors 50 does not hold: it was 100.00; --max-p99 60000 does not hold: there was no answer" in told.err
    assert not told.json()["ok"] and [gate["measured"] for gate in told.json()["gates"]] == [100, None]
    late = load(served, *words, "--max-p99", "0.001", stdin="x", code=1)
    assert "--max-p99 0.001 does not hold: it was" in late.err
    # Half of the answers fail.
    _, cli = stand_in(lambda server: 200 if len(server.bodies) % 2 else 500)
    load(cli, *words, "--max-errors", "50", stdin="x")
    load(cli, *words, "--max-errors", "49", stdin="x", code=1)


def test_requests_do_not_wait_for_earlier_ones(stand_in):
    """The first answer comes when the last request is there."""
    barrier = threading.Barrier(20)

    def together(_):
        barrier.wait(harness.PATIENCE)
        return 200

    _, cli = stand_in(together)
    told = load(cli, "--rate", "20", "--duration", "1s", "--body", "-", stdin="x").json()
    assert told["answers"][0]["requests"] == 20
    assert told["latencyMs"]["max"] > 900, "the first one waited for the others"


def test_what_cannot_be_sent_is_counted_as_an_error(stand_in):
    def slow(_):
        time.sleep(0.3)  # the model's time
        return 200

    _, cli = stand_in(slow)
    words = ["--rate", "100", "--duration", "1s", "--body", "-", "--concurrency", "2"]
    told = load(cli, *words, "--max-errors", "50", stdin="x", code=1)
    requests = told.json()["requests"]
    assert requests["sent"] + requests["notSent"] == requests["planned"] == 100
    assert requests["sent"] <= 8 and requests["errorPercent"] == requests["notSent"]
    assert f"{requests['notSent']} requests were not sent" in told.err and "--max-errors 50 does not hold" in told.err


def test_an_interrupt_prints_what_was_measured(stand_in):
    def answer(server):
        if len(server.bodies) > 6:
            server.released.wait(harness.PATIENCE)
        return 200

    server, cli = stand_in(answer)
    (cli.folder / "body").write_text("x")
    process = cli.start("load", "served", "--rate", "50", "--duration", "1h", "--body", "body", "--concurrency", "4", "-o", "json")
    harness.wait(lambda: len(server.bodies) >= 10, "all places are taken")
    told, code = cli.interrupted(process)
    assert code == 130 and "interrupted" in told.err
    told = told.json()
    assert told["interrupted"] and told["requests"]["planned"] == 180_000
    assert (told["requests"]["sent"], told["requests"]["unanswered"], told["answers"][0]["requests"]) == (9, 4, 5)


def test_what_would_fail_every_time_is_told_at_once(served):
    told = served("load", "srved", "--body", "-", stdin="x", code=1)
    assert "did you mean `served`?" in told.err and told.out == ""
    assert "a model cannot be invoked" in served("load", "Model/a", "--body", "-", code=64).err
    assert "cannot read none" in served("load", "served", "--body", "none", code=1).err
    assert "nothing is sent in no time" in served("load", "served", "--duration", "0s", "--body", "-", code=64).err
    told = served("load", "served", "--variant", "c", "--body", "-", stdin="x", code=1)
    assert "c" in told.err


def test_a_terminal_shows_how_far_it_is(served):
    (served.folder / "body.csv").write_text("x")
    ours, theirs = pty.openpty()
    words = ["load", "served", "--rate", "20", "--duration", "2s", "--body", "body.csv"]
    process = subprocess.Popen(
        [harness.binary(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, cwd=served.folder,
        env=served.environment(TERM="xterm"),
    )  # fmt: skip
    os.close(theirs)
    told = b""
    with contextlib.suppress(OSError):  # its end
        while part := os.read(ours, 10_000):
            told += part
    os.close(ours)
    out, _ = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0 and b"40 of 40 requests sent" in out
    assert b" of 40 sent" in told and b"answered" in told
