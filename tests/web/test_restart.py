import signal

from serving import LONG, QUICK


def test_a_killed_studio_takes_up_its_queue_from_the_checkpoints_when_it_starts_again(own_studio, pictures):
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
    own_studio.client.patch(f"/api/jobs/{running}", json={"state": "paused"})
    own_studio.wait(waiting, "done")
    own_studio.close()
    own_studio.start()
    states = {job["id"]: job["state"] for job in own_studio.client.get("/api/jobs").json()}
    assert states == {running: "paused", waiting: "done"}


def test_a_studio_that_is_closed_saves_the_picture_and_goes_on_later(own_studio, pictures):
    identifier = own_studio.order(pictures, LONG)
    own_studio.painting(identifier, 5)
    own_studio.close()
    assert own_studio.process.returncode in {0, -signal.SIGTERM}
    assert [each for each in own_studio.events(identifier) if each["event"] == "state"][-1]["state"] == "waiting"
    assert (own_studio.folder / "jobs" / identifier / "run.checkpoint").exists()


def test_a_second_studio_on_the_same_folder_is_refused(own_studio):
    import subprocess
    import sys

    from serving import SCRIPT

    done = subprocess.run([sys.executable, SCRIPT, own_studio.folder, "0"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "another studio uses the folder" in done.stderr
