import signal
import subprocess

import pytest
from serving import LONG, QUICK, SECONDS, tiny_studio

from impasto.web.server import serve

pytestmark = pytest.mark.slow


def test_a_killed_studio_takes_up_its_queue_from_the_checkpoints_and_a_closed_one_saves_them(own_studio, pictures):
    running = own_studio.order(pictures, LONG, runtime={"checkpoint_every": 0.1})
    own_studio.painting(running, 20)
    waiting = own_studio.order(pictures, QUICK)
    before = own_studio.job(running)["progress"]["evaluation"]
    own_studio.close(signal.SIGKILL)
    own_studio.start()
    job = own_studio.wait(
        running,
        "painting",
        until=lambda _: "resumed" in own_studio.kinds(running) and own_studio.kinds(running)[-1] == "progress",
    )
    assert job["progress"]["evaluation"] > before / 2
    assert own_studio.job(waiting)["state"] == "waiting"
    own_studio.close()
    assert own_studio.process.returncode in {0, -signal.SIGTERM}
    assert [each for each in own_studio.events(running) if each["event"] == "state"][-1]["state"] == "waiting"
    assert own_studio.kinds(running)[-2] == "ended"
    assert (own_studio.folder / "jobs" / running / "run.checkpoint").exists()
    assert (own_studio.folder / "jobs" / running / "result.png").exists()


def test_a_second_studio_on_the_same_folder_is_refused(tmp_path):
    first = serve("127.0.0.1", 0, tmp_path, quota=1e9)
    done = subprocess.run(tiny_studio(tmp_path), capture_output=True, text=True, check=False, timeout=SECONDS)
    first.listener.close()
    first.lock.release()
    assert done.returncode == 1
    assert "another studio uses the folder" in done.stderr
