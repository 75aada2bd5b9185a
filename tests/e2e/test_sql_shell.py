"""`freshet sql` without a query, on a terminal: statements over several lines, errors, and a history that stays."""

import os
import pty
import select
import time

import freshet


class Shell:
    """A `freshet sql` on a pseudo terminal; what it prints is collected until a text comes."""

    def __init__(self, data_dir, home):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            environment = {**os.environ, "HOME": str(home), "TERM": "xterm"}
            environment.pop("XDG_STATE_HOME", None)
            os.execve(freshet.PROGRAM, [str(freshet.PROGRAM), "sql", "--data-dir", str(data_dir)], environment)
        self.unread = ""
        self.read_until("freshet> ")

    def read_until(self, text, seconds=30):
        """What came up to the end of `text`; what came behind it is for the next call."""
        deadline = time.monotonic() + seconds
        while text not in self.unread:
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"waited in vain for {text!r} after {self.unread!r}"
            self.unread += os.read(self.terminal, 65536).decode(errors="replace")
        read, end, self.unread = self.unread.partition(text)
        return read + end

    def say(self, keys, until):
        os.write(self.terminal, keys.encode())
        return self.read_until(until)

    def leave(self):
        os.write(self.terminal, b"exit\n")
        _, status = os.waitpid(self.child, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def test_the_shell_answers_goes_on_after_errors_and_remembers(platform, tmp_path):
    p = platform("platform: shell\ntables: [CREATE TABLE t.a (id UInt8) ENGINE = MergeTree ORDER BY id]\n").start()
    shell = Shell(p.data_dir, tmp_path)
    assert "│ 4242 │" in shell.say("SELECT 42\n * 101 AS x;\n", "┘").replace("\x1b[1m", "").replace("\x1b[0m", "")
    shell.read_until("freshet> ")
    assert "nonsense" in shell.say("SELECT nonsense;\n", "UNKNOWN_IDENTIFIER")
    shell.read_until("freshet> ")
    assert shell.leave() == 0
    assert (tmp_path / ".local/state/freshet/sql_history").is_file()
    again = Shell(p.data_dir, tmp_path)
    assert "4242" in again.say("\x1b[A\x1b[A\n", "┘")  # arrow up, twice
    assert again.leave() == 0
    assert p.stop() == 0
