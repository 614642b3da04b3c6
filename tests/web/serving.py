"""A studio on the tiny network in a process of its own, a client for it, and pictures to upload."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

SCRIPT = Path(__file__).with_name("tiny_studio.py")
QUICK = {"size": 64, "first_size": 0, "iterations": 4, "tolerance": 0}
LONG = {"size": 96, "first_size": 0, "iterations": 100_000, "tolerance": 0}
SECONDS = 60
"""Of patience with machines that do other things at the same time."""


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


class Served:
    """A studio in a process, with a client; the script says on which network, and a nursery starts its processes."""

    def __init__(self, folder, nursery=None, script=SCRIPT):
        self.command = [sys.executable, script, folder, "0", "127.0.0.1", *([nursery] if nursery else [])]
        self.folder = folder
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.link = self.process.stdout.readline().strip()
        self.port = httpx.URL(self.link).port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS)

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
