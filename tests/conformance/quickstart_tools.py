"""Runs of the quickstart, and what they leave."""

import json
import os
import pathlib
import shutil
import subprocess
import threading

from harness import MNIST, PATIENCE, ROOT, alive, binary, clean_environment, descendants, gone


class Quickstart:
    """One run, its standard error read line by line as it comes."""

    def __init__(self, data, *arguments, cwd=ROOT, listen="127.0.0.1:0", stdout=subprocess.PIPE, **environment):
        place = ["--data", str(data)] if data else []
        command = [os.path.abspath(binary()), "quickstart", "--listen", listen, *place, *arguments]
        env = {k: v for k, v in {**clean_environment(), **environment}.items() if v is not None}
        self.process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE
        )
        self.lines, self.out, self.ended, self.children = [], b"", False, []
        self.news = threading.Condition()
        self.readers = [threading.Thread(target=self._errors, daemon=True)]
        if stdout == subprocess.PIPE:
            self.readers.append(threading.Thread(target=self._output, daemon=True))
        for reader in self.readers:
            reader.start()

    def _errors(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.decode().rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _output(self):
        self.out = self.process.stdout.read()

    def until(self, text):
        """Waits for a line with this text, and notes which processes there are then."""
        with self.news:
            seen = self.news.wait_for(lambda: self.ended or any(text in line for line in self.lines), PATIENCE)
        assert seen and any(text in line for line in self.lines), f"no {text!r} in:\n{self.text}"
        self.children += descendants(self.process.pid)
        return self

    def send(self, number):
        self.process.send_signal(number)
        return self

    def end(self, patience=PATIENCE):
        """The exit code, once it and all that it started are gone."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it has not ended after {patience} s:\n{self.text}") from None
        for reader in self.readers:
            reader.join(PATIENCE)
        gone(self.children)
        assert "\x1b" not in self.text and "panicked" not in self.text, self.text
        return code

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def error(self):
        """The error and what to do."""
        at = next((i for i, line in enumerate(self.lines) if line.startswith("error:")), None)
        assert at is not None, f"no error in:\n{self.text}"
        return "\n".join(self.lines[at:])

    def document(self):
        return json.loads(self.out)


def strays(data):
    """Processes that have to do with a data folder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(data).encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append(process.name)
        except OSError:
            continue
    return [pid for pid in found if alive(int(pid))]


def command(data, *arguments, **environment):
    """Another command against the cloud on a data folder."""
    done = subprocess.run(
        [binary(), *arguments, "--data", str(data)], capture_output=True, env={**clean_environment(), **environment}, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def examples(folder, **changes):
    """A copy of the tutorial's files whose model is trained in a moment, and reads digits accordingly."""
    target = pathlib.Path(folder) / "examples" / "mnist"
    shutil.copytree(MNIST, target)
    edit(target / "01-training-job.yaml", {'num_round: "20"': 'num_round: "10"', 'eta: "0.3"': 'eta: "0.5"'} | changes)
    return target


def edit(path, changes):
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def complete(run):
    document = run.document()
    assert document["accuracy"] >= 0.9 and document["seconds"] > 0
    assert document["trainingJob"] == "mnist-xgboost" and document["endpoint"] == "digits"
    assert document["modelPackageArn"] == "arn:aws:sagemaker:us-east-1:000000000000:model-package/digits/1"
    matrix = document["confusionMatrix"]
    assert sum(map(sum, matrix)) == 1000
    assert sum(matrix[i][i] for i in range(10)) == round(1000 * document["accuracy"])
    return document
