import os

import pytest

from gateway.bench.choice import Choice, parse_choice
from gateway.bench.errors import BenchError
from gateway.bench.lock import locked


@pytest.fixture(autouse=True)
def lock_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def is_refused(choice):
    try:
        with locked(choice):
            return False
    except BenchError as error:
        return str(error) == f"--bench={choice.name} is in use by process {os.getpid()}"


def test_a_rack_has_one_user_at_a_time(tmp_path):
    choice = parse_choice("rack.toml", tmp_path)
    with locked(choice):
        assert is_refused(choice)
    assert not is_refused(choice)


def test_who_is_logged_in_and_who_is_not_keep_each_other_off(tmp_path, monkeypatch):
    choice = parse_choice("rack.toml", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    with locked(choice):
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert is_refused(choice)


def test_a_rack_is_the_same_by_whatever_path_it_is_called(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "other.toml").symlink_to("rack.toml")
    with locked(parse_choice("rack.toml", tmp_path)):
        assert is_refused(parse_choice("../rack.toml", tmp_path / "tests"))
        assert is_refused(parse_choice(str(tmp_path / "rack.toml"), tmp_path / "tests"))
        assert is_refused(parse_choice("other.toml", tmp_path))


def test_two_racks_may_have_the_same_name(tmp_path):
    with locked(parse_choice("rack.toml", tmp_path / "left")):
        assert not is_refused(parse_choice("rack.toml", tmp_path / "right"))


def test_each_interface_has_one_user_at_a_time(tmp_path):
    with locked(parse_choice("can0,can1", tmp_path)):
        assert is_refused(parse_choice("can1", tmp_path))
        assert is_refused(parse_choice("can2,can0", tmp_path))
        assert not is_refused(parse_choice("can2", tmp_path))
    assert not is_refused(parse_choice("can1", tmp_path))


def test_simulations_do_not_know_of_each_other():
    with locked(Choice("sim")):
        assert not is_refused(Choice("sim"))


def test_every_user_may_lock_what_another_has_used(lock_folder):
    before = os.umask(0o077)
    try:
        with locked(Choice("can0", None, ("can0",))):
            pass
    finally:
        os.umask(before)
    assert (lock_folder / "gateway-bench-can0.lock").stat().st_mode & 0o777 == 0o666


def test_where_no_lock_can_be_is_told_in_a_line(lock_folder):
    (lock_folder / "gateway-bench-can0.lock").symlink_to("elsewhere")
    refused = pytest.raises(BenchError, match=r"gateway-bench-can0\.lock: Too many levels")
    with refused, locked(Choice("can0", None, ("can0",))):
        pass
