"""What goes on, on stderr."""

from __future__ import annotations

import sys
import time

from pipelines.progress import working


def test_nothing_is_shown_where_nobody_watches(capsys):
    with working("training") as say:
        say("features")
    assert capsys.readouterr() == ("", "")


def test_who_watches_sees_it_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with working("training") as say:
        say("features")
        time.sleep(0.3)  # the spinner draws some times a second
    out, err = capsys.readouterr()
    assert out == ""
    assert "features" in err


def test_chatter_of_libraries_leaves_stdout_alone(capsys):
    with working("training"):
        sys.stdout.write("chatter")
    assert capsys.readouterr() == ("", "chatter")
