"""One instance a configuration, and a way for others to find it."""

import fcntl
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.supervisor.instance import AlreadyRunningError, Instance, ask, running_instances


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return tmp_path / "run"


def test_a_second_instance_of_a_configuration_is_refused_and_told_who_runs(tmp_path):
    file = tmp_path / "car.toml"
    with (
        Instance("car", file),
        pytest.raises(AlreadyRunningError) as refused,
        Instance("car", file),
    ):
        pass
    assert refused.value.pid == os.getpid()


def test_one_in_another_users_folder_or_by_another_name_is_a_second_one_too(
    tmp_path, monkeypatch, runtime_folder
):
    file = tmp_path / "car.toml"
    monkeypatch.setattr("gateway.supervisor.instance.SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "system" / "car"))
    with Instance("car", file):
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime_folder))
        for name in ("car", "renamed"):
            with pytest.raises(AlreadyRunningError) as refused, Instance(name, file):
                pass
            assert refused.value.pid == os.getpid()
    assert list(runtime_folder.iterdir()) == []
    with Instance("renamed", file), pytest.raises(AlreadyRunningError), Instance("car", file):
        pass


def test_nothing_is_left_of_one_that_ended(tmp_path, runtime_folder):
    with Instance("car", tmp_path / "car.toml"):
        assert {path.suffix for path in runtime_folder.iterdir()} == {".lock", ".sock"}
    assert list(runtime_folder.iterdir()) == []


def test_a_lock_that_its_holder_removes_just_before_it_is_taken_is_not_mistaken_for_one(
    tmp_path, monkeypatch, runtime_folder
):
    flock, removed = fcntl.flock, []

    def late(descriptor, operation):
        if not removed:
            removed.extend(runtime_folder.iterdir())
            removed[0].unlink()  # as the one does that ends just now
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    file = tmp_path / "car.toml"
    with Instance("car", file), pytest.raises(AlreadyRunningError), Instance("car", file):
        pass
    assert len(removed) == 1


def test_another_configuration_may_run_beside_it(tmp_path):
    with Instance("car", tmp_path / "car.toml"), Instance("car", tmp_path / "other" / "car.toml"):
        pass


def test_a_configuration_may_run_again_after_it_ended(tmp_path):
    for _ in range(2):
        with Instance("car", tmp_path / "car.toml"):
            pass


def test_an_instance_that_was_killed_is_in_nobodys_way(tmp_path):
    pid = os.fork()
    if pid == 0:
        Instance("car", tmp_path / "car.toml").__enter__()
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert list(running_instances(tmp_path / "car.toml")) == []
    with Instance("car", tmp_path / "car.toml"):
        pass


def test_who_looks_for_one_does_not_wait_for_another_that_hangs(tmp_path):
    with Instance("car", tmp_path / "car.toml"):  # answers nobody
        assert list(running_instances(tmp_path / "boat.toml")) == []


@pytest.mark.parametrize("said", [b"", b'{"name": "car", "proc'])
def test_an_instance_that_ends_before_its_answer_does_is_none(tmp_path, said):
    path = tmp_path / "car.sock"
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor(1) as caller:
        listener.bind(str(path))
        listener.listen()
        answer = caller.submit(ask, path, {"request": "status"})
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 10)
            connection.sendall(said)
        assert answer.result() is None


def test_a_runtime_folder_may_have_a_long_path(tmp_path, monkeypatch):
    folder = tmp_path / ("long" * 30)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    with Instance("car", tmp_path / "car.toml"):
        assert len([path for path in folder.iterdir() if path.suffix == ".sock"]) == 1


def test_a_child_that_forgot_does_not_hold_the_lock_beyond_its_parent(tmp_path):
    forgot, tell = os.pipe()
    let_go, hold = os.pipe()
    with Instance("car", tmp_path / "car.toml") as instance:
        pid = os.fork()
        if pid == 0:
            os.close(hold)
            instance.forget()
            os.write(tell, b"forgot")
            os.read(let_go, 1)  # until the parent closes its end
            os._exit(0)
        os.read(forgot, 6)
    with Instance("car", tmp_path / "car.toml"):
        pass
    os.close(hold)
    os.waitpid(pid, 0)
    for descriptor in (forgot, tell, let_go):
        os.close(descriptor)
