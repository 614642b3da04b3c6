"""A studio in a process of its own, on the tiny network if not told otherwise, and a client for it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

import forked

HERE = Path(__file__).parent
QUICK = {"size": 64, "first_size": 0, "iterations": 4, "tolerance": 0}
LONG = {"size": 96, "first_size": 0, "iterations": 100_000, "tolerance": 0}
SECONDS = 60
"""Of patience with machines that do other things at the same time."""


def tiny_studio(folder):
    """Return the command of a studio on the tiny network, whose processes are forked from one that has imported torch."""
    painter = forked.painter()
    commands = {
        "worker": painter.stand_in(HERE / "tiny_worker.py"),
        "reader": painter.stand_in("-m", "impasto.web.reader"),
    }
    return [sys.executable, HERE / "serve_studio.py", folder, json.dumps(commands)]


def real_studio(folder):
    """Return the command of a studio on the real network."""
    return [sys.executable, HERE / "serve_studio.py", folder, "{}"]


class Served:
    """A studio in a process, with a client."""

    def __init__(self, folder, studio=tiny_studio):
        self.folder, self.command = folder, studio(folder)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.link = self.process.stdout.readline().strip()
        self.port = httpx.URL(self.link).port
        limits = httpx.Limits(keepalive_expiry=1)  # seconds; the server closes idle connections after 5
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS, limits=limits)

    def close(self, how=signal.SIGTERM):
        self.client.close()
        self.process.send_signal(how)
        self.process.wait(SECONDS)
        self.process.stdout.close()

    def worker(self):
        """The number of the process that paints."""
        import psutil

        children = psutil.Process(self.process.pid).children()
        return next(each for each in children if "tiny_worker" in " ".join(each.cmdline()))

    def upload(self, path):
        with path.open("rb") as file:
            answer = self.client.post("/api/uploads", files={"file": (path.name, file)})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def order(self, files, settings=QUICK, **more):
        content, style = (self.upload(files / name)["id"] for name in ("content.png", "style.jpg"))
        order = {"content": content, "styles": [{"picture": style}], "settings": settings, **more}
        answer = self.client.post("/api/jobs", json=order)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def job(self, identifier):
        return self.client.get(f"/api/jobs/{identifier}").json()

    def wait(self, identifier, *states, until=bool):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            job = self.job(identifier)
            if job["state"] in states and until(job):
                return job
            assert job["state"] != "failed" or "failed" in states, job["sentence"]
            time.sleep(0.05)
        raise AssertionError(f"the job is {job['state']}, not {' or '.join(states)}: {job}")

    def painting(self, identifier, evaluations=3):
        """Wait until a job is painted for some evaluations."""
        return self.wait(
            identifier, "painting", until=lambda job: (job["progress"] or {}).get("evaluation", 0) >= evaluations
        )

    def kinds(self, identifier):
        return [event["event"] for event in self.events(identifier)]

    def events(self, identifier):
        lines = (Path(self.folder) / "jobs" / identifier / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]
