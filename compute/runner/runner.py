"""Runs commands on a target so that they need nobody, and tells the studio what became of them.

One file, standard library only, Python 3.6 syntax: it starts on whatever Python a target has.
PROTOCOL.md beside it is the released format: folders, files, frames, operations. Sections: small
files, frames, processes, masking and receipt, blobs, tasks and paths, the command, warden, keeper,
sampler, files of a run, session, watch, build, main. What only some subcommands need is imported
where it is needed, because every contact with a target pays for the imports at the top.
"""

import errno
import fcntl
import json
import os
import re
import select
import signal
import stat
import struct
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, NoReturn

    Json = dict[str, Any]
    Frame = tuple[Json, bytes]
    ProcessId = tuple[int, "int | str"]

PROTOCOL = 1
LINUX = sys.platform.startswith("linux")

# frames
HEADER_MAX = 1 << 20
PAYLOAD_MAX = 4 << 20
JOINED_MAX = 256 << 20
PIECE = 1 << 20
PATIENCE_S = 30.0  # how long either side may be silent
WORKING_S = 5.0  # how often a long operation says that it is still at work

# how often things are looked at
POLL_S = 0.02
STOP_POLL_S = 0.5  # where no signal can reach a keeper, stop.json alone tells
GROWTH_S = 0.25
LIVENESS_S = 1.0
BEAT_S = 2.0
SAMPLE_S = 5.0

# how long things are waited for
SETTLED_S = 10.0  # an output that stood still for so long is whole
TROUBLE_S = 60.0  # how often it is said that a task's files make no sense
SILENCE_S = 10.0  # a heartbeat that stood still for so long proves no life
LEAVE_S = 0.25  # what outlives its command may leave by itself: `exec > >(tee log)` flushes
STRAY_GRACE_S = 2.0
START_WAIT_S = 10.0
LOOK_S = 4.0  # how long a path may take to say what it is
SEAL_STALL_S = 30.0

NOTED_S = 60.0  # how exactly it is known when an environment was used last

BALLAST_BYTES = 64 << 10
RECORD_MAX = 64 << 10  # what a small record of a task may take: it travels in a header
LONG_RECORDS = frozenset(("spec.json", "hashes.json"))
LISTED_MAX = 1000
LOG_FILES_MAX = 2000  # all sizes of a task's streams have to fit into one header

TIMES = struct.Struct("<Qd")
MAIN_STREAMS = ("run.log", "times", "metrics.jsonl", "samples.jsonl")

SHA = re.compile(r"[0-9a-f]{64}\Z")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")


class Refusal(Exception):
    """A request that cannot be met: a sentence for a person, a code for a program."""

    def __init__(self, sentence: str, code: str = "request", payload: bytes = b"") -> None:
        super().__init__(sentence)
        self.code = code
        self.payload = payload


def refusal_of(error: OSError) -> Refusal:
    """What the operating system said, for people."""
    where = " (%s)" % error.filename if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        said = "The disk of the target is full%s: free some space and try again." % where
        return Refusal(said, "disk")
    return Refusal("The target answered: %s%s." % (error.strerror or error, where), "os")


# ---------------------------------------------------------------------------------- small files


def read_bytes(path: str, longest: int = -1) -> bytes:
    """What a file has, at most `longest` bytes of it; whatever lies there, nobody is waited for."""

    def opener(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_NONBLOCK)  # it may be a pipe

    with open(path, "rb", opener=opener) as file:
        return file.read(longest) or b""


def read_json(path: str, longest: int = -1) -> "Json | None":
    """The object in a file; None when there is none, or more than `longest` bytes of it."""
    try:
        data = read_bytes(path, longest + 1 if longest >= 0 else -1)
        value = json.loads(data.decode("utf-8")) if longest < 0 or len(data) <= longest else None
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path: str, value: "object", *, durable: bool = False) -> None:
    """Put a value into a file as `write_file` does."""
    write_file(path, json.dumps(value).encode("utf-8"), durable=durable)


def write_file(path: str, data: bytes, *, durable: bool = False) -> None:
    """Replace a file at once: readers see the old or the new content, never a part.

    With `durable` it also survives a power cut that follows the return.
    """
    temp = write_part(path, data, durable=durable)
    os.rename(temp, path)
    if durable:
        sync_folder(os.path.dirname(path))


def part_of(path: str) -> str:
    """A name for a file in the making. Not by pid: in every container the keeper is process 1."""
    return "%s.%s.part" % (path, os.urandom(6).hex())


def write_part(path: str, data: bytes, *, durable: bool = False) -> str:
    """Write what shall become `path` beside it, and say where; nothing is left of a failure."""
    temp = part_of(path)
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        write_all(fd, data)
        if durable:
            os.fsync(fd)
    except OSError:
        unlink(temp)
        raise
    finally:
        os.close(fd)
    return temp


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, however many writes it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(path: str) -> None:
    """Make the names in a folder survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def unlink(path: str) -> None:
    """Remove a file if that is possible."""
    with suppress(OSError):
        os.unlink(path)


def read_text(path: str) -> str:
    """The text in a file; "" when there is none."""
    try:
        return read_bytes(path).decode("utf-8", "replace")
    except OSError:
        return ""


def disk_free(folder: str) -> int:
    """The room on the disk under a folder, in bytes."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def size_of(path: str) -> int:
    """The size of a file; 0 when there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def lock_file(path: str, *, wait: bool = False) -> "int | None":
    """Hold a lock until the answer is closed or this process dies; None when another holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        pass  # a file system without locks: the claim still decides who runs
    return fd


def nothing() -> None:
    """For callers that have nothing to do meanwhile."""


def remove_tree(path: str, tick: "Callable[[], None]" = nothing) -> None:
    """Remove a folder, or whatever is there, with all in it; folders closed to us are opened."""
    if os.path.islink(path) or not os.path.isdir(path):
        unlink(path)
        return
    folders = [path]
    for folder in folders:  # grows while we go through it
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            os.chmod(folder, 0o700)
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                os.unlink(entry.path)
            tick()
    for folder in reversed(folders):
        os.rmdir(folder)
        tick()


def which(name: str) -> "str | None":
    """Where a program is: on PATH, beside this Python, or where people install for themselves."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    folders += [os.path.dirname(sys.executable), os.path.expanduser("~/.local/bin")]
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


# --------------------------------------------------------------------------------------- frames


class Hangup(Exception):
    """The other side is gone, or has been silent for longer than PATIENCE_S."""


class Wire:
    """Frames over stdin and stdout; nothing here blocks for longer than PATIENCE_S."""

    HEAD = struct.Struct(">II")

    def __init__(self) -> None:
        self.heard_at = time.monotonic()
        self.frames: "deque[Frame]" = deque()
        self.backlog = 0
        self._input = bytearray()
        self._output: "deque[memoryview]" = deque()
        for fd in (0, 1):
            os.set_blocking(fd, False)
            with suppress(OSError):
                fcntl.fcntl(fd, 1031, PIECE)  # F_SETPIPE_SZ: bulk transfers wake us 16 times less

    def pull(self) -> None:
        """Take what has arrived into `frames`; Hangup at the end of input."""
        try:
            data = os.read(0, PIECE)
        except BlockingIOError:
            return
        except OSError:
            raise Hangup from None
        if not data:
            raise Hangup
        self.heard_at = time.monotonic()
        self._input += data
        while self._parse():
            pass

    def _parse(self) -> bool:
        buffer = self._input
        if len(buffer) < self.HEAD.size:
            return False
        header_len, payload_len = self.HEAD.unpack_from(buffer)
        if header_len > HEADER_MAX or payload_len > PAYLOAD_MAX:
            raise Refusal(
                "A frame of %d + %d bytes is over the limits of %d + %d."
                % (header_len, payload_len, HEADER_MAX, PAYLOAD_MAX),
                "frame",
            )
        begin = self.HEAD.size + header_len
        if len(buffer) < begin + payload_len:
            return False
        try:
            header = json.loads(bytes(buffer[self.HEAD.size : begin]).decode("utf-8"))
        except ValueError:
            header = None
        if not isinstance(header, dict):
            raise Refusal("A frame's header is not a JSON object.", "frame")
        self.frames.append((header, bytes(buffer[begin : begin + payload_len])))
        del buffer[: begin + payload_len]
        return True

    def put(self, header: "Json", payload: bytes = b"") -> None:
        """Queue a frame, to be written by `push`."""
        head = json.dumps(header).encode("utf-8")
        self._output.append(memoryview(self.HEAD.pack(len(head), len(payload)) + head))
        if payload:
            self._output.append(memoryview(payload))
        self.backlog += self.HEAD.size + len(head) + len(payload)

    def push(self) -> bool:
        """Write what fits; True when nothing is left to write."""
        while self._output:
            piece = self._output[0]
            try:
                sent = os.write(1, piece)
            except BlockingIOError:
                return False
            except OSError:
                raise Hangup from None
            self.backlog -= sent
            if sent < len(piece):
                self._output[0] = piece[sent:]
            else:
                self._output.popleft()
        return True

    def receive(self) -> "Frame":
        """The next frame; Hangup when none comes in time."""
        while not self.frames:
            if not select.select([0], [], [], PATIENCE_S)[0]:
                raise Hangup
            self.pull()
        return self.frames.popleft()

    def send(self, header: "Json", payload: bytes = b"") -> None:
        """Hand one frame over; Hangup when the other side takes nothing for too long."""
        self.put(header, payload)
        while not self.push():
            if not select.select([], [1], [], PATIENCE_S)[1]:
                raise Hangup


# ------------------------------------------------------------------------------------ processes


class Process:
    """One row of the process table."""

    __slots__ = ("cpu_s", "gone", "pgid", "pid", "ppid", "rss_bytes", "sid", "start_time")

    def __init__(self, pid: int, ppid: int, pgid: int, sid: int) -> None:
        self.pid = pid
        self.ppid = ppid
        self.pgid = pgid
        self.sid = sid
        self.start_time: "int | str" = 0  # compared for equality only
        self.cpu_s = 0.0  # with that of its ended and awaited children
        self.rss_bytes = 0
        self.gone = False  # a zombie: it has ended, only its parent has not asked yet

    @property
    def id(self) -> "ProcessId":
        """What no other process of this boot has."""
        return (self.pid, self.start_time)


_TICKS = float(os.sysconf("SC_CLK_TCK"))
_PAGE = os.sysconf("SC_PAGE_SIZE")


def read_process(pid: int) -> "Process | None":
    """The process with this number now, if there is one."""
    if not LINUX:
        return processes_by_ps(["-p", str(pid)]).get(pid)
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            text = file.read()
    except OSError:
        return None
    row = text[text.rindex(b")") + 2 :].split()  # the name before it may hold anything
    process = Process(pid, int(row[1]), int(row[2]), int(row[3]))
    process.start_time = int(row[19])
    process.cpu_s = sum(map(int, row[11:15])) / _TICKS
    process.rss_bytes = int(row[21]) * _PAGE
    process.gone = row[0] in (b"Z", b"X", b"x")
    return process


def process_table() -> "dict[int, Process]":
    """All processes that we can see, by number."""
    if not LINUX:
        return processes_by_ps(["-A"])
    rows = (read_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {row.pid: row for row in rows if row is not None}


def processes_by_ps(which_ones: "list[str]") -> "dict[int, Process]":
    """The process table of a system without /proc."""
    import subprocess

    command = ["ps", *which_ones, "-o", "pid=,ppid=,pgid=,rss=,stat=,time=,lstart="]
    environment = dict(os.environ, LC_ALL="C", TZ="UTC")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as ps:
        answer = ps.communicate()[0].decode("utf-8", "replace")
    table = {}
    for line in answer.splitlines():
        pid, ppid, pgid, rss, state, cpu, start_time = line.split(None, 6)
        process = Process(int(pid), int(ppid), int(pgid), int(pgid))
        process.start_time = start_time.strip()
        process.cpu_s = _ps_seconds(cpu)
        process.rss_bytes = int(rss) * 1024
        process.gone = state.startswith("Z")
        table[process.pid] = process
    return table


def _ps_seconds(text: str) -> float:
    """Seconds of [[days-]hours:]minutes:seconds[.hundredths]."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + int(days or 0) * 86400


def signal_process(process: Process, number: int) -> None:
    """Send a signal to exactly this process, never to a later one with its number."""
    now = read_process(process.pid)
    if now is not None and now.id == process.id:
        with suppress(OSError):
            os.kill(process.pid, number)


@lru_cache(maxsize=None)
def boot_id() -> str:
    """What changes with every start of this machine."""
    if LINUX:
        return read_text("/proc/sys/kernel/random/boot_id").strip()
    with os.popen("sysctl -n kern.bootsessionuuid") as answer:  # noqa: S605  a fixed command
        return answer.read().strip()


def host() -> str:
    """What this machine is called."""
    return os.uname().nodename


def pid_namespace() -> str:
    """Within what the numbers of processes count; "" where there are no namespaces."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def identity(pid: int) -> "Json":
    """What tells a process from every other one: number, start time, and where they count."""
    row = read_process(pid)
    return {
        "pid": pid,
        "start_time": row.start_time if row else None,
        "boot_id": boot_id(),
        "host": host(),
        "pid_namespace": pid_namespace(),
    }


def place_of(who: "Json") -> str:
    """Where an identity counts: "here", "rebooted" (here, until a reboot) or "elsewhere".

    A boot id that could not be read, then or now, proves no reboot: the start time has to tell.
    """
    then, now = who.get("boot_id"), boot_id()
    if then and now and then != now:
        return "rebooted" if who.get("host", host()) == host() else "elsewhere"
    return "here" if who.get("pid_namespace", pid_namespace()) == pid_namespace() else "elsewhere"


def is_pid(value: "object") -> bool:
    """Whether a value can be the number of a process."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def lives(who: "Json | None") -> bool:
    """Whether the process with this identity, which must count here, still lives."""
    if not who:
        return False
    row = read_process(int(who["pid"]))
    return row is not None and not row.gone and row.start_time == who.get("start_time")


def carries(pid: int, mark: bytes) -> bool:
    """Whether a process was started with `mark` (NAME=value) in its environment."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False


class Family:
    """Finds every living process of a task, also those that left its group and session.

    A process belongs by descent from `root` (the keeper, which as subreaper inherits every orphan),
    by the command's group and session, by the cookie in its environment, by having been found
    before, or by descent from any of these. A group number counts only while it cannot have
    passed to strangers.
    """

    def __init__(self, command: "Json | None", cookie: str, root: int = 0) -> None:
        self.root = root
        self.descent_is_complete = False  # then no other way of belonging has to be looked at
        self.without = {os.getpid()}  # these and what descends from them do not belong
        self._command = command
        self._mark = ("RUNYARD_COOKIE=" + cookie).encode("utf-8") if cookie else b""
        self._known: "set[ProcessId]" = set()
        self._strangers: "set[ProcessId]" = set()

    def living(self) -> "list[Process]":
        """All of them that have not ended."""
        table = process_table()
        children: "dict[int, list[Process]]" = {}
        for row in table.values():
            children.setdefault(row.ppid, []).append(row)
        group = self._group(table)
        todo = [row for row in table.values() if self._belongs(row, group)]
        if self.root:
            todo += children.get(self.root, [])
        found: "dict[int, Process]" = {}
        while todo:
            row = todo.pop()
            if row.pid not in found and row.pid not in self.without:
                found[row.pid] = row
                todo += children.get(row.pid, [])
        living = [row for row in found.values() if not row.gone]
        self._known = {row.id for row in living}
        self._strangers &= {row.id for row in table.values()}
        return living

    def _group(self, table: "dict[int, Process]") -> int:
        if self._command is None:
            return 0
        leader = table.get(self._command["pid"])
        ours = leader.start_time == self._command.get("start_time") if leader else bool(self.root)
        return int(self._command["pid"]) if ours else 0

    def _belongs(self, row: Process, group: int) -> bool:
        if row.id in self._known or (group and group in (row.pid, row.pgid, row.sid)):
            return True
        if self.descent_is_complete or not self._mark or row.id in self._strangers or row.gone:
            return False
        if row.pid in self.without or not carries(row.pid, self._mark):
            self._strangers.add(row.id)
            return False
        return True


def close_files(keep: "Iterable[int]") -> None:
    """Close every file descriptor but stdin, stdout, stderr and `keep`."""
    try:
        fds = [int(name) for name in os.listdir("/proc/self/fd" if LINUX else "/dev/fd")]
    except OSError:
        fds = list(range(3, 1024))
    for fd in fds:
        if fd > 2 and fd not in keep:
            with suppress(OSError):
                os.close(fd)


def redirect(errors: str) -> None:
    """Turn stdin and stdout away from whoever started us, and stderr to a file."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        log = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        log = null
    for target, source in ((0, null), (1, null), (2, log)):
        os.dup2(source, target)
    for fd in {null, log}:
        if fd > 2:
            os.close(fd)


def detach(work: "Callable[[], object]", keep: "Iterable[int]" = ()) -> None:
    """Do `work` in a process that outlives us, with no open files of ours but `keep`."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    code = 70
    try:
        os.setsid()
        if os.fork() == 0:
            close_files(keep)
            work()
        code = 0
    except BaseException:  # noqa: BLE001  nothing may run on into our caller's code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def reset_signals() -> None:
    """Undo what Python and we did to signals, so that the next program meets none of it."""
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        with suppress(OSError, ValueError, RuntimeError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def become_subreaper() -> bool:
    """Let the orphans among our descendants become our children; False where that cannot be."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0)  # PR_SET_CHILD_SUBREAPER
    except (ImportError, OSError, AttributeError):
        return False


def oom_kills() -> int:
    """How many processes of our control group were killed for want of memory."""
    candidates = []
    for line in read_text("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            candidates.append("/sys/fs/cgroup%s/memory.events" % path.rstrip("/"))
        elif "memory" in controllers.split(","):
            candidates.append("/sys/fs/cgroup/memory%s/memory.oom_control" % path.rstrip("/"))
            candidates.append("/sys/fs/cgroup/memory/memory.oom_control")  # inside a container
    for candidate in candidates:
        found = re.search(r"^oom_kill (\d+)$", read_text(candidate), re.MULTILINE)
        if found:
            return int(found.group(1))
    return 0


# --------------------------------------------------------------------------- masking and receipt


class Masker:
    """Replaces every byte that any occurrence of a secret covers by "*", however they arrive.

    Values shorter than 4 bytes are not masked: they would eat ordinary text. `masked` counts the
    maximal covered ranges. In whatever pieces the bytes are fed, the same bytes come out.
    """

    def __init__(self, values: "Iterable[str]") -> None:
        self.masked = 0
        secrets = {value.encode("utf-8", "surrogateescape") for value in values}
        self._secrets = [(value, _period(value)) for value in sorted(secrets) if len(value) >= 4]
        self._hold = max([len(value) for value, _ in self._secrets] or [1]) - 1
        self._tail = b""  # raw bytes which what comes next may still make part of a secret
        self._tail_at = 0
        self._covered = -1  # where the last covered range ends

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; as many masked ones as no later byte can change."""
        return self._advance(data, self._hold) if self._secrets else data

    def flush(self) -> bytes:
        """The masked bytes that were held back; nothing may follow."""
        return self._advance(b"", 0)

    def _advance(self, data: bytes, hold: int) -> bytes:
        raw = self._tail + data
        cut = max(0, len(raw) - hold)
        out = bytearray(raw[:cut])
        for begin, end in self._covered_ranges(raw):
            if begin >= cut:
                break
            out[begin : min(end, cut)] = b"*" * (min(end, cut) - begin)
            if self._tail_at + begin > self._covered:
                self.masked += 1
            self._covered = self._tail_at + end
        self._tail = raw[cut:]
        self._tail_at += cut
        return bytes(out)

    def _covered_ranges(self, raw: bytes) -> "list[tuple[int, int]]":
        ranges = [(0, self._covered - self._tail_at)] if self._covered > self._tail_at else []
        for value, period in self._secrets:
            begin = raw.find(value)
            while begin >= 0:
                end = _run_end(raw, begin + len(value), value[-period:])
                ranges.append((begin, end))
                begin = raw.find(value, end - len(value) + 1)
        return _united(sorted(ranges))


def _period(value: bytes) -> int:
    """The shortest shift by which a value overlaps itself."""
    shifts = range(1, len(value) + 1)
    return next(shift for shift in shifts if value.startswith(value[shift:]))


def _run_end(raw: bytes, end: int, step: bytes) -> int:
    """Where a run of a repeated value ends; in big strides, as a whole log may be made of it."""
    if not raw.startswith(step, end):
        return end
    stride = step * max(1, 65536 // len(step))
    while stride:
        if raw.startswith(stride, end):
            end += len(stride)
        else:
            stride = stride[: len(stride) // len(step) // 2 * len(step)]
    return end


def _united(ranges: "list[tuple[int, int]]") -> "list[tuple[int, int]]":
    united: "list[tuple[int, int]]" = []
    for begin, end in ranges:
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((begin, end))
    return united


class Digest:
    """The hash of a log with its secrets masked, kept up while the log grows."""

    def __init__(self, path: str, secrets: "list[str]") -> None:
        self._path = path
        self._secrets = secrets
        self._restart()

    def _restart(self) -> None:
        import hashlib

        self._hash = hashlib.sha256()
        self._masker = Masker(self._secrets)
        self._offset = 0

    def advance(self, limit: int) -> bool:
        """Take in at most `limit` more bytes; True when the log holds no more."""
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            if os.fstat(fd).st_size < self._offset:
                self._restart()  # the log was cut short: what was hashed is not there any more
            end = self._offset + limit
            while self._offset < end:
                data = os.pread(fd, min(PIECE, end - self._offset), self._offset)
                if not data:
                    return True
                self._hash.update(self._masker.feed(data))
                self._offset += len(data)
            return False
        finally:
            os.close(fd)

    def receipt(self) -> "Json":
        """Size, hash and number of masked places of the whole log; nothing may follow."""
        self._hash.update(self._masker.flush())
        return {
            "log_bytes": self._offset,
            "sha256": self._hash.hexdigest(),
            "masked": self._masker.masked,
        }


# ----------------------------------------------------------------------------------------- blobs


class Blobs:
    """The content store of a target: whole, verified files under their SHA-256."""

    def __init__(self, root: str, *, own: bool) -> None:
        self._root = root
        self._own = own  # not the studio's own store: there a damaged blob is not ours to remove
        self._verified: "set[str]" = set()
        self._can_clone = True

    def path(self, sha: "object") -> str:
        """Where the blob with this hash lies, or would lie."""
        if not isinstance(sha, str) or not SHA.match(sha):
            raise Refusal("%r is not a SHA-256." % (sha,), "request")
        return os.path.join(self._root, sha[:2], sha)

    def missing(self, shas: "Iterable[object]") -> "list[object]":
        """Those of `shas` that are not here."""
        return [sha for sha in shas if not os.path.isfile(self.path(sha))]

    def receive(self, sha: str, size: int, pieces: "Iterable[bytes]") -> None:
        """Store a blob from its pieces, all of which are taken even when it fails."""
        import hashlib

        path = self.path(sha)
        temp = part_of(path)
        digest = hashlib.sha256()
        received = 0
        fault: "OSError | None" = None
        fd = -1
        for piece in pieces:
            digest.update(piece)
            received += len(piece)
            if fault is None:
                try:
                    if fd < 0:
                        os.makedirs(os.path.dirname(path), exist_ok=True)
                        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
                    write_all(fd, piece)
                except OSError as error:
                    fault = error
        if fd >= 0:
            os.close(fd)
        if fault is None and digest.hexdigest() == sha and received == size:
            os.rename(temp, path)
            return
        unlink(temp)
        if fault is not None:
            raise refusal_of(fault)
        said = "What arrived for blob %s has another hash or size: send it again." % sha
        raise Refusal(said, "hash")

    def copy(self, sha: str, size: int, fd: int, tick: "Callable[[], None]") -> None:
        """Write a blob's content to `fd`; Refusal "missing" when it is absent or damaged."""
        import hashlib

        path = self.path(sha)
        try:
            source = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise self._damaged(sha, "is not here") from None
        try:
            if os.fstat(source).st_size != size:
                raise self._damaged(sha, "has another size")
            cloned = size >= PIECE and self._clone(source, fd)
            if cloned and sha in self._verified:
                return
            digest = hashlib.sha256()
            while True:
                data = os.read(source, PIECE)
                if not data:
                    break
                digest.update(data)
                if not cloned:
                    write_all(fd, data)
                tick()
        finally:
            os.close(source)
        if digest.hexdigest() != sha:
            raise self._damaged(sha, "is damaged")
        self._verified.add(sha)

    def _clone(self, source: int, fd: int) -> bool:
        """Share the bytes, not the file, where the file system can: FICLONE."""
        if self._can_clone:
            try:
                fcntl.ioctl(fd, 0x40049409, source)
            except OSError:
                self._can_clone = False
        return self._can_clone

    def _damaged(self, sha: str, what: str) -> Refusal:
        if self._own:
            unlink(self.path(sha))
        payload = json.dumps([sha]).encode("utf-8")
        return Refusal("Blob %s %s on the target: send it again." % (sha, what), "missing", payload)


# ------------------------------------------------------------------------------- tasks and paths


class Task:
    """One task folder: what its files say, and which of its processes live."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.code = os.path.join(folder, "code")

    def path(self, name: str) -> str:
        """Where one of its files lies."""
        return os.path.join(self.folder, name)

    def read(self, name: str) -> "Json | None":
        """The object in one of its files, if there is one; its command may write there too."""
        return read_json(self.path(name), -1 if name in LONG_RECORDS else RECORD_MAX)

    def read_process(self, name: str) -> "Json | None":
        """The same of a file that tells of a process; None when it names none."""
        found = self.read(name)
        return found if found is not None and is_pid(found.get("pid")) else None

    def exists(self) -> bool:
        """Whether it has a folder."""
        return os.path.isdir(self.folder)

    def claimed(self) -> bool:
        """Whether it was started, or stopped for ever."""
        return os.path.lexists(self.path("claim"))

    def claim(self, record: "Json") -> bool:
        """Take it for ever; False when someone was first. The claim appears with its content."""
        path = self.path("claim")
        data = json.dumps(record).encode("utf-8")
        temp = write_part(path, data)
        try:
            os.link(temp, path)
        except FileExistsError:
            return os.path.samefile(temp, path)  # a network file system may lose its own answer
        except OSError:
            return self._claim_without_links(path, data)
        finally:
            unlink(temp)
        return True

    @staticmethod
    def _claim_without_links(path: str, data: bytes) -> bool:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        write_all(fd, data)
        os.close(fd)
        return True

    def exited(self) -> "Json | None":
        """How the task ended. A task stopped before it started has its end in the claim itself."""
        return self.read("exited.json") or (self.read("claim") or {}).get("exited")

    def keeper(self) -> "Json | None":
        """Who keeps, or is about to keep, this task; None when nobody ever did."""
        claim = self.read_process("claim")
        if claim is None or "exited" in claim:
            return None
        return self.read_process("keeper.json") or claim

    def family(self) -> Family:
        """Its processes, as far as its files tell."""
        spec = self.read("spec.json") or {}
        return Family(self.read_process("started.json"), str(spec.get("cookie", "")))

    def manifest(self) -> "list[Json]":
        """The entries of the snapshot that was laid out here."""
        try:
            with open(self.path("manifest.json"), "rb") as file:
                return list(json.loads(file.read().decode("utf-8")))
        except (OSError, ValueError):
            return []

    def states(self) -> "Json":
        """{keeper, sampler, command: "alive" | "dead" | "none" | "unknown", rebooted}."""
        keeper = self.keeper()
        started = self.read_process("started.json")
        sampler = keeper.get("sampler") if keeper else None
        sampler = sampler if isinstance(sampler, dict) and is_pid(sampler.get("pid")) else None
        place = place_of(keeper) if keeper else "here"

        def state(who: "Json | None") -> str:
            if who is None:
                return "none"
            if place != "here":
                return "unknown" if place == "elsewhere" else "dead"
            return "alive" if lives(who) else "dead"

        states = {"keeper": state(keeper), "sampler": state(sampler), "command": state(started)}
        unwatched = keeper and place == "here" and "alive" not in states.values()
        if unwatched and self.exited() is None and self.family().living():
            states["command"] = "alive"  # the command is gone, but something of it lives
        return dict(states, rebooted=place == "rebooted")

    def write_exited(self, record: "Json", waiting: "Callable[[], None]") -> None:
        """Record the end, however full the disk is; `waiting` is called before each new try.

        The ballast makes room for it. Only when the folder is gone there is nothing to write.
        """
        while self.exists():
            try:
                write_json(self.path("exited.json"), record, durable=True)
            except OSError:
                if os.path.exists(self.path("ballast")):
                    unlink(self.path("ballast"))
                    continue
            else:
                return
            waiting()
            time.sleep(1)

    def log_files(self) -> "list[str]":
        """The files in the run's own logs folder; of very many the first by name."""
        found = walk(self.code, "logs")
        names = (file.path for file in found if file.kind == "file" and is_utf8(file.path))
        return sorted(names)[:LOG_FILES_MAX]

    def streams(self) -> "dict[str, int]":
        """The sizes of all its streams."""
        names = [name for name in MAIN_STREAMS if os.path.exists(self.path(name))]
        return {name: self.stream_size(name) for name in names + self.log_files()}

    def stream_path(self, name: str) -> str:
        """Where a stream lies."""
        return self.path(name) if name in MAIN_STREAMS else os.path.join(self.code, name)

    def stream_size(self, name: str) -> int:
        """How much of a stream there is; of `times` only whole records count."""
        size = size_of(self.stream_path(name))
        return size - size % TIMES.size if name == "times" else size

    def write_sealed(self, receipt: "Json") -> "Json":
        """Keep the receipt, with the sizes of all streams."""
        sealed = dict(receipt, protocol=PROTOCOL, streams=self.streams())
        write_json(self.path("sealed.json"), sealed)
        return sealed

    def seal(self, mask: "list[str]", tick: "Callable[[], None]") -> "Json":
        """The receipt of a task of which nothing lives; computed when nobody has."""
        sealed = self.read("sealed.json")
        if sealed is None:
            digest = Digest(self.path("run.log"), mask)
            while not digest.advance(64 * PIECE):
                tick()
            sealed = self.write_sealed(digest.receipt())
        return sealed


# ----------------------------------------------------------------------------------- the command


class CannotStart(Exception):
    """A command that cannot be started; the sentence becomes the end of its task."""


def check_spec(spec: "Json") -> None:
    """Refuse a spec that cannot be run, naming what is wrong with it."""
    if not spec.get("argv"):
        raise Refusal("spec.argv must name the program to run.", "spec")
    for name in ("argv", "path", "pythonpath", "outputs"):
        check_texts(spec.get(name, []), "spec." + name)
    for name in ("cwd", "cookie", "task"):
        if not is_text(spec.get(name, "")):
            raise Refusal("spec.%s must be a text without NUL." % name, "spec")
    for name in ("time_limit_s", "grace_s"):
        value = spec.get(name)
        if value is not None and not (is_number(value) and value >= 0):
            raise Refusal("spec.%s must be a number of seconds, not %r." % (name, value), "spec")
    check_variables(spec.get("env", {}), "spec.env")
    check_files(spec.get("files", {}))


def check_texts(values: "object", where: str) -> None:
    """Refuse what is not a list of texts. They may be secret: they are not told."""
    if not isinstance(values, list) or not all(is_text(value) for value in values):
        raise Refusal("%s must be a list of texts without NUL." % where, "spec")


def check_variables(variables: "object", where: str) -> None:
    """Refuse variables that no program can be given. They may be secret: values are not told."""
    if not isinstance(variables, dict):
        raise Refusal("%s must be an object of texts." % where, "spec")
    for name, value in variables.items():
        if not name or "=" in name or not is_text(name):
            raise Refusal("%s: %r cannot be the name of a variable." % (where, name), "spec")
        if not is_text(value):
            raise Refusal("%s: the value of %s must be a text without NUL." % (where, name), "spec")


def check_files(files: "object") -> None:
    """Refuse files that would not lie in a folder of the task of their own, beside its code."""
    if not isinstance(files, dict):
        raise Refusal("spec.files must be an object of texts.", "spec")
    for path, text in files.items():
        parts = path.split("/")
        if len(parts) < 2 or parts[0] == "code" or not {"", ".", ".."}.isdisjoint(parts):
            raise Refusal("spec.files: %r must lie in a folder beside the code." % path, "spec")
        if not is_text(text):
            raise Refusal("spec.files: %r must be a text." % path, "spec")


def is_utf8(path: str) -> bool:
    """Whether the bytes of a path can be told as text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def to_bytes(text: str) -> bytes:
    """UTF-8 in every locale; bytes of other encodings come back as they were read."""
    return text.encode("utf-8", "surrogateescape")


def is_text(value: "object") -> bool:
    """Whether a value can be handed to a program: a text without NUL that has an encoding."""
    try:
        return isinstance(value, str) and b"\0" not in to_bytes(value)
    except UnicodeEncodeError:
        return False


def is_number(value: "object") -> bool:
    """Whether a value is a number, which in JSON a truth value is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


INHERITED = re.compile(
    r"(PATH|HOME|USER|LOGNAME|SHELL|LANG|TZ|TMPDIR|LD_LIBRARY_PATH|LC_.*|CUDA.*|NVIDIA_.*"
    r"|(http|https|no|all)_proxy|(HTTP|HTTPS|NO|ALL)_PROXY|SSL_CERT_FILE|SSL_CERT_DIR"
    r"|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|PIP_CERT|NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO)\Z"
)


class Command:
    """What to execute, where and with which environment: all known before anything starts."""

    def __init__(self, task: Task, spec: "Json", secrets: "dict[str, str]") -> None:
        self._argv: "list[str]" = spec["argv"]
        self._cwd = os.path.normpath(os.path.join(task.folder, spec.get("cwd", "code")))
        self._make_folders(task)
        self._environment = self._build_environment(task, spec, secrets)
        self._program = self._find_program()

    def _make_folders(self, task: Task) -> None:
        if inside(self._cwd, task.folder):
            os.makedirs(self._cwd, exist_ok=True)
        if not os.path.isdir(self._cwd):
            said = "Cannot start: the working directory %s does not exist." % self._cwd
            raise CannotStart(said)
        if os.path.isdir(task.code):
            for name in ("outputs", "logs"):
                with suppress(FileExistsError):  # then the snapshot has a file of that name
                    os.makedirs(os.path.join(task.code, name), exist_ok=True)

    def _build_environment(
        self, task: Task, spec: "Json", secrets: "dict[str, str]"
    ) -> "dict[str, str]":
        env = {name: value for name, value in os.environ.items() if INHERITED.match(name)}
        env["PYTHONUNBUFFERED"] = "1"
        env["RUNYARD_TASK"] = spec.get("task", "")
        env["RUNYARD_DIR"] = task.folder
        env["RUNYARD_METRICS"] = task.path("metrics.jsonl")
        env["RUNYARD_OUTPUTS"] = os.path.join(self._cwd, "outputs")
        pythonpath = [os.path.join(task.folder, path) for path in spec.get("pythonpath", [])]
        if pythonpath:
            env["PYTHONPATH"] = os.pathsep.join(pythonpath)
        env["PATH"] = os.pathsep.join([*spec.get("path", []), env.get("PATH", os.defpath)])
        env.update(spec.get("env", {}))
        env.update(secrets)
        env["RUNYARD_COOKIE"] = spec["cookie"]  # last: by it we find processes that got away
        return env

    def _find_program(self) -> str:
        name, search = self._argv[0], self._environment["PATH"]
        folders = [""] if "/" in name else search.split(os.pathsep)
        found = [os.path.join(self._cwd, folder, name) for folder in folders]
        found = [path for path in found if os.path.isfile(path)]
        for path in found:
            if os.access(path, os.X_OK):
                return path
        if found:
            said = "it is not executable. Set its executable bit (chmod +x) or name its interpreter"
            raise CannotStart("Cannot start %s: %s, for example: bash %s" % (name, said, name))
        if "/" in name:
            raise CannotStart("Cannot start %s: there is no such file." % name)
        raise CannotStart("Cannot start %s: no such program is on PATH (%s)." % (name, search))

    def execute(self, log: int, go: int, failed: int) -> "NoReturn":
        """Become the command once a byte arrives on `go`; its end without one means never to."""
        try:
            os.setsid()
            reset_signals()
            null = os.open(os.devnull, os.O_RDONLY)
            for target, source in ((0, null), (1, log), (2, log)):
                os.dup2(source, target)
            os.chdir(self._cwd)
            argv = [to_bytes(word) for word in self._argv]
            env = {to_bytes(name): to_bytes(value) for name, value in self._environment.items()}
            if os.read(go, 1):
                os.execve(to_bytes(self._program), argv, env)  # noqa: S606  what we are here for
        except OSError as error:
            os.write(failed, str(error.errno).encode("ascii"))
        finally:
            os._exit(127)

    def failure(self, number: int) -> CannotStart:
        """Why the program could not be executed."""
        why = {
            errno.ENOENT: "the interpreter that its first line names does not exist.",
            errno.ENOEXEC: "this machine cannot run it."
            " A script needs a first line such as #!/bin/sh",
            errno.E2BIG: "its arguments and variables are too large for this machine.",
        }.get(number, os.strerror(number) + ".")
        return CannotStart("Cannot start %s: %s" % (self._argv[0], why))


# ---------------------------------------------------------------------------------------- warden


class Warden:
    """Ends a task in time, on a wish, and whole.

    While the command lives: the time limit and stop.json lead to TERM for all its processes and,
    after the grace, KILL. When it has ended, what it left behind gets a moment to leave by itself,
    then TERM, then KILL.
    """

    def __init__(
        self,
        task: Task,
        spec: "Json",
        deadline: "float | None",
        group: int,
        command_lives: "Callable[[], bool]",
        living: "Callable[[], list[Process]]",
    ) -> None:
        self.reason: "str | None" = None
        self.strays: "set[ProcessId]" = set()
        self._task = task
        self._spec = spec
        self._deadline = deadline
        self._group = group
        self._command_lives = command_lives
        self._living = living
        self._wish: "tuple[int, int] | None" = None
        self._kill_at = float("inf")
        self._ended_at: "float | None" = None
        self._warned: "set[ProcessId]" = set()
        self._kills = 0

    def step(self) -> "float | None":
        """Do what is due; how long nothing will be, or None when nothing of the task lives."""
        now = time.monotonic()
        self._look()
        if self._command_lives():
            return self._mind_command(now)
        living = self._living()
        if not living:
            return None
        return self._mind_strays(living, now)

    def begin(self, reason: str, grace_s: "float | None" = None) -> None:
        """Start to stop the command, or stop it sooner than was begun."""
        now = time.monotonic()
        if grace_s is None:
            grace_s = self._spec.get("grace_s") or 0.0
        self._kill_at = min(self._kill_at, now + max(0.0, grace_s))
        if self.reason is None and self._command_lives():
            self.reason = reason
            living = self._living()
            self._warned.update(row.id for row in living)
            self._signal(living, signal.SIGTERM)
            self._signal(living, signal.SIGCONT)  # a suspended process hears TERM when it goes on

    def _look(self) -> None:
        try:
            row = os.stat(self._task.path("stop.json"))
        except OSError:
            return
        if self._wish != (row.st_ino, row.st_mtime_ns):
            self._wish = (row.st_ino, row.st_mtime_ns)
            wish = self._task.read("stop.json") or {}
            grace_s = wish["grace_s"] if is_number(wish.get("grace_s")) else None
            self.begin(str(wish.get("reason") or "canceled_by_user"), grace_s)

    def _mind_command(self, now: float) -> float:
        if self.reason is None and self._deadline is not None and now >= self._deadline:
            self.begin("timed_out")
        if now >= self._kill_at:
            return self._kill()
        if self.reason is None and self._deadline is not None:
            return max(0.0, min(self._kill_at, self._deadline) - now)
        return self._kill_at - now

    def _mind_strays(self, living: "list[Process]", now: float) -> float:
        if self._ended_at is None:
            self._ended_at = now
        warn_at = self._ended_at + LEAVE_S
        self._kill_at = min(self._kill_at, warn_at + STRAY_GRACE_S)
        if now < warn_at:
            return min(POLL_S, warn_at - now)
        self.strays.update(row.id for row in living)
        if now >= self._kill_at:
            return self._kill()
        for row in living:
            if row.id not in self._warned:
                signal_process(row, signal.SIGTERM)
                signal_process(row, signal.SIGCONT)
        self._warned.update(row.id for row in living)
        return min(POLL_S, self._kill_at - now)

    def _kill(self) -> float:
        for _ in range(5):  # at once again: something may have been born meanwhile
            living = self._living()
            self._signal(living, signal.SIGKILL)
            if not living:
                break
        self._kills += 1
        return min(0.005 * self._kills, 1.0)

    def _signal(self, living: "list[Process]", number: int) -> None:
        if any(row.pgid == self._group for row in living):
            with suppress(OSError):
                os.killpg(self._group, number)
        for row in living:
            if row.pgid != self._group:
                signal_process(row, number)


# ---------------------------------------------------------------------------------------- keeper


def wakeup_pipe() -> int:
    """A pipe on which the signals that a keeper minds arrive as bytes."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.set_wakeup_fd(write)
    return read


def exit_record(started: "Json | None" = None) -> "Json":
    """An exit record with nothing known yet but the start."""
    return {
        "protocol": PROTOCOL,
        "status": None,
        "reason": None,
        "error": None,
        "started_at": started.get("started_at") if started else None,
        "ended_at": None,
        "boot_id": boot_id(),
        "strays_killed": 0,
    }


class Keeper:
    """Starts the command of one task and stays with it to the end: its parent, and the sampler's.

    It needs nobody: the session that started it may go at once. `report` is told once what became
    of the start: {"started"}, {"claimed"} or {"failed"}.
    """

    def __init__(self, task: Task, request: "Json", report: "Callable[[Json], None]") -> None:
        self._task = task
        self._request = request
        self._spec: "Json" = request["spec"]
        self._secrets: "dict[str, str]" = request.get("secrets", {})
        self._mask: "list[str]" = request.get("mask", [])
        self._report = report
        self._wakeup = wakeup_pipe()  # before the claim: whoever reads the claim may signal us
        self._subreaper = become_subreaper()
        self._oom_kills = oom_kills()
        self._end = exit_record()
        self._started: "Json" = {}
        self._deadline: "float | None" = None
        self._family = Family(None, "")
        self._warden: "Warden | None" = None
        self._sampler = 0
        self._sampler_at = 0.0
        self._control = -1

    def keep(self) -> int:
        """Claim, start, supervise, record; the exit code tells a batch system the same story."""
        if not self._claim():
            self._report({"claimed": True})
            return 0
        try:
            answer = self._start()
        except (CannotStart, Refusal) as refusal:
            answer = self._fail(str(refusal))
        except OSError as error:
            answer = self._fail("Cannot start. %s" % refusal_of(error))
        except Exception as error:  # noqa: BLE001  claimed is claimed: its end must be recorded
            sys.excepthook(*sys.exc_info())
            said = "the runner failed: %s: %s" % (type(error).__name__, error)
            answer = self._fail("Cannot start: " + said)
        if "started" in answer:
            self._report(answer)
            self._supervise()
        self._task.write_exited(self._end, waiting=lambda: self._report(answer))
        self._report(answer)
        self._seal()
        unlink(self._task.path("ballast"))
        return self._exit_code()

    def _claim(self) -> bool:
        """Claim with room for exited.json on a disk that the command may fill.

        A disk that is full already is refused before anything is claimed.
        """
        path, ballast = self._task.path("ballast"), ""
        try:
            ballast = write_part(path, os.urandom(BALLAST_BYTES))
            claimed = self._task.claim(identity(os.getpid()))
        except OSError as error:
            unlink(ballast)
            raise refusal_of(error) from None
        if claimed:
            os.rename(ballast, path)
        else:
            unlink(ballast)
        return claimed

    # -- start

    def _start(self) -> "Json":
        if self._request.get("stdin"):
            self._take_secrets()
        self._spec = write_task_files(self._task, self._request)
        command = Command(self._task, self._spec, self._secrets)
        wish = self._task.read("stop.json")
        if wish is not None:
            self._end.update(reason=wish.get("reason"), ended_at=time.time())
            return {"failed": "It was stopped before it started."}
        return self._launch(command)

    def _take_secrets(self) -> None:
        try:
            frame = Wire().receive()[0]
        except Hangup:
            said = "Cannot start: the secret variables did not arrive on stdin."
            raise CannotStart(said) from None
        self._secrets = frame.get("secrets", {})
        self._mask = frame.get("mask", [])
        check_variables(self._secrets, "secrets")
        check_texts(self._mask, "mask")
        redirect(self._task.path("keeper.err"))

    def _launch(self, command: Command) -> "Json":
        """Fork the command and hold it back until all that others need to know of it is written.

        Should we die before that, its pipe closes and it never starts.
        """
        log = os.open(self._task.path("run.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        go_read, go = os.pipe()
        failed, failed_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            command.execute(log, go_read, failed_write)
        for fd in (log, go_read, failed_write):
            os.close(fd)
        try:
            self._get_ready(pid)
            os.write(go, b"g")
        finally:
            os.close(go)
        number = os.read(failed, 16)  # closes by itself when the program has taken over
        os.close(failed)
        if number:
            raise command.failure(int(number))
        return {"started": True, "keeper": self._task.read("keeper.json"), "command": self._started}

    def _get_ready(self, pid: int) -> None:
        started = dict(identity(pid), pgid=pid, started_at=time.time())
        limit_s = self._spec.get("time_limit_s")
        self._deadline = None if limit_s is None else time.monotonic() + limit_s
        self._started = started
        self._end["started_at"] = started["started_at"]
        self._family = Family(started, self._spec["cookie"], root=os.getpid())
        self._family.descent_is_complete = self._subreaper
        self._start_sampler()
        self._introduce()
        write_json(self._task.path("started.json"), started)

    def _introduce(self) -> None:
        sampler = identity(self._sampler)
        keeper = dict(identity(os.getpid()), protocol=PROTOCOL, runner_sha=runner_sha())
        keeper["sampler"] = {"pid": sampler["pid"], "start_time": sampler["start_time"]}
        write_json(self._task.path("keeper.json"), keeper)

    def _fail(self, sentence: str) -> "Json":
        self._end.update(reason="exec_failed", error=sentence, ended_at=time.time())
        with suppress(OSError), open(self._task.path("run.log"), "ab") as log:
            log.write((sentence + "\n").encode("utf-8", "replace"))
        return {"failed": sentence}

    # -- supervise

    def _supervise(self) -> None:
        group = self._started["pid"]
        lives = lambda: self._end["ended_at"] is None  # noqa: E731
        warden = Warden(self._task, self._spec, self._deadline, group, lives, self._living)
        self._warden = warden
        wait_s: "float | None" = 0.0
        while wait_s is not None:
            if self._hear(min(wait_s, STOP_POLL_S)) and not self._is_asked_to_stop():
                warden.begin("host_shutdown")
            self._reap()
            self._mind_sampler()
            wait_s = warden.step()
        self._end["reason"] = warden.reason or self._out_of_memory()
        self._end["strays_killed"] = len(warden.strays)

    def _is_asked_to_stop(self) -> bool:
        return os.path.exists(self._task.path("stop.json"))

    def _out_of_memory(self) -> "str | None":
        killed = self._end["status"] == {"signaled": signal.SIGKILL}
        return "out_of_memory" if killed and oom_kills() > self._oom_kills else None

    def _hear(self, timeout_s: float) -> bool:
        """Wait for a signal, or so long; whether we were told to end, as a host going down does."""
        if not select.select([self._wakeup], [], [], timeout_s)[0]:
            return False
        return not {signal.SIGTERM, signal.SIGINT}.isdisjoint(os.read(self._wakeup, 4096))

    def _reap(self) -> int:
        """Take the exit status of every child that has ended; how many there were."""
        count = 0
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return count
            if pid == 0:
                return count
            count += 1
            if pid == self._sampler:
                self._sampler = 0
            elif pid == self._started.get("pid") and self._end["ended_at"] is None:
                ended = {"exited": os.WEXITSTATUS(status)}
                if os.WIFSIGNALED(status):
                    ended = {"signaled": os.WTERMSIG(status)}
                reason = self._warden.reason if self._warden else None
                self._end.update(status=ended, reason=reason, ended_at=time.time())
                with suppress(OSError):  # the folder is gone
                    self._end["disk_free_bytes"] = disk_free(self._task.folder)
                self._tell({"end": self._end})  # should we die before all is cleared up

    def _living(self) -> "list[Process]":
        """Every living process of the task; certain when empty.

        What could be missed while looking has lost its parent meanwhile, and the topmost of the
        dead was a child of ours: so look again whenever there was one to reap.
        """
        while True:
            living = [] if self._childless() else self._family.living()
            if living or not self._reap():
                return living

    def _childless(self) -> bool:
        """Whether the sampler is our only child; as subreaper we then have no other descendants."""
        pid = os.getpid()
        try:
            with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
                children = {int(word) for word in file.read().split()}
        except OSError:
            return False
        return self._subreaper and children <= {self._sampler}

    def _exit_code(self) -> int:
        status = self._end["status"] or {"exited": 127}
        return int(status["exited"]) if "exited" in status else 128 + int(status["signaled"])

    # -- the sampler

    def _start_sampler(self) -> None:
        self._sampler_at = time.monotonic()
        keeper = os.getpid()
        read, control = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                reset_signals()
                close_files({read})
                sampler = Sampler(self._task, self._spec, self._mask, self._started, self._deadline)
                sampler.serve(keeper, read, self._end, is_subreaper=self._subreaper)
            except BaseException:  # noqa: BLE001  the keeper's code is not ours to run
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(0)
        os.close(read)
        if self._control >= 0:
            os.close(self._control)
        os.set_blocking(control, False)
        self._control = control
        self._sampler = pid
        self._family.without = {keeper, pid}

    def _mind_sampler(self) -> None:
        if self._sampler == 0 and time.monotonic() >= self._sampler_at + 1:
            self._start_sampler()
            with suppress(OSError):  # a full disk: the sampler works all the same
                self._introduce()

    def _tell(self, message: "Json") -> None:
        with suppress(OSError):  # dead, and restarted with all it needs; or suspended
            os.write(self._control, json.dumps(message).encode("utf-8") + b"\n")

    def _seal(self) -> None:
        """See that the task gets its receipt: by the sampler; when that is dead or stuck, by us."""
        self._tell({"seal": True})
        beat, since = "", time.monotonic()
        while self._sampler:
            now, heard = time.monotonic(), read_text(self._task.path("beat"))
            if heard != beat:
                beat, since = heard, now
            if now > since + SEAL_STALL_S:
                os.kill(self._sampler, signal.SIGKILL)
            self._hear(0.5)
            self._reap()
        while self._task.exists():
            try:
                self._task.seal(self._mask, nothing)
            except OSError:  # a full disk
                time.sleep(1)
            else:
                return


# --------------------------------------------------------------------------------------- sampler


class Sampler:
    """Watches a task from beside it: log growth, resources, heartbeat, receipt.

    When the keeper dies it takes over time limit and stop, and records the end. It is also what
    `guard` starts when keeper and sampler were both killed.
    """

    def __init__(
        self,
        task: Task,
        spec: "Json",
        mask: "list[str] | None",
        started: "Json | None",
        deadline: "float | None",
    ) -> None:
        self._task = task
        self._spec = spec
        self._started = started
        self._deadline = deadline
        self._digest = None if mask is None else Digest(task.path("run.log"), mask)
        self._family = Family(started, str(spec.get("cookie", "")))
        self._resources = Resources(task.folder, self._family)
        self._control = -1
        self._messages = b""
        self._end = exit_record(started)
        self._sealing = False
        self._warden: "Warden | None" = None
        self._beats = int(read_text(task.path("beat")).strip() or 0)
        self._noted = self._mend_times()
        now = time.monotonic()
        self._beat_at = now
        self._growth_at = now
        self._sample_at = now + 1

    def serve(self, keeper: int, control: int, end: "Json", *, is_subreaper: bool) -> None:
        """Work beside a keeper until it says to seal, or in its place when it dies."""
        self._control = control
        self._end = end
        self._family.root = keeper
        self._family.without.add(keeper)
        self._family.descent_is_complete = is_subreaper
        self._work()

    def guard(self, keeper: "Json") -> None:
        """Work without a keeper from the start; not at all when another guardian does."""
        lock = lock_file(self._task.path("guard"))
        if lock is None:
            return
        me = identity(os.getpid())
        sampler = {"pid": me["pid"], "start_time": me["start_time"]}
        with suppress(OSError):  # a full disk: then only nobody sees us
            write_json(self._task.path("keeper.json"), dict(keeper, sampler=sampler))
        self._take_over()
        self._work()

    def _work(self) -> None:
        while not self._sealing:
            self._hear()
            self._tick()
            if self._warden is not None and self._warden.step() is None:
                self._record_end(self._warden)
                self._sealing = True
        self._seal()

    def _hear(self) -> None:
        """Wait for the keeper's word or the next thing due. The pipe's end is the keeper's."""
        wait_s = max(0.0, min(self._growth_at, self._beat_at, self._sample_at) - time.monotonic())
        if self._warden is not None:
            time.sleep(min(wait_s, 0.1))
            return
        if not select.select([self._control], [], [], wait_s)[0]:
            return
        data = os.read(self._control, 65536)
        lines = (self._messages + data).split(b"\n")
        self._messages = lines.pop()
        for line in lines:
            message = json.loads(line.decode("utf-8"))
            self._end.update(message.get("end", {}))
            self._sealing = self._sealing or "seal" in message
        if not data and not self._sealing:
            self._take_over()

    def _take_over(self) -> None:
        if self._task.exited() is not None:
            self._sealing = True
            return
        self._family.root = 0
        self._family.descent_is_complete = False
        group = int(self._started["pgid"]) if self._started else 0
        alive = lambda: lives(self._started)  # noqa: E731
        self._warden = Warden(self._task, self._spec, self._deadline, group, alive, self._living)

    def _living(self) -> "list[Process]":
        """Looked for twice before there is nobody: one may be born while we look."""
        return self._family.living() or self._family.living()

    def _record_end(self, warden: Warden) -> None:
        if self._task.exited() is not None:
            return
        end = self._end
        end["reason"] = end["reason"] or warden.reason
        if end["reason"] is None and end["status"] is None:
            end["reason"] = "keeper_lost"  # who could have told the status is dead
        end["ended_at"] = end["ended_at"] or time.time()
        end["strays_killed"] = len(warden.strays)
        self._task.write_exited(end, waiting=self._beat)

    # -- what is due now and then

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat()
        if now >= self._growth_at:
            self._note_growth()
            caught_up = self._digest is None or self._digest.advance(64 * PIECE)
            self._growth_at = now + GROWTH_S if caught_up else now
        if now >= self._sample_at:
            self._sample_at = now + SAMPLE_S
            try:
                sample = json.dumps(self._resources.sample())
            except OSError:
                return  # the folder is gone
            self._append("samples.jsonl", sample.encode("utf-8") + b"\n")

    def _beat(self) -> None:
        self._beats += 1
        self._beat_at = time.monotonic() + BEAT_S
        with suppress(OSError):
            fd = os.open(self._task.path("beat"), os.O_WRONLY | os.O_CREAT, 0o644)
            with os.fdopen(fd, "wb") as file:
                file.write(b"%020d\n" % self._beats)

    def _mend_times(self) -> int:
        """Drop a torn record that a killed predecessor may have left; the last offset noted."""
        try:
            with open(self._task.path("times"), "r+b") as file:
                whole = os.fstat(file.fileno()).st_size // TIMES.size * TIMES.size
                file.truncate(whole)
                file.seek(max(0, whole - TIMES.size))
                return int(TIMES.unpack(file.read(TIMES.size))[0]) if whole else 0
        except OSError:
            return 0

    def _note_growth(self) -> None:
        size = size_of(self._task.path("run.log"))
        if size > self._noted and self._append("times", TIMES.pack(size, time.time())):
            self._noted = size

    def _append(self, name: str, record: bytes) -> bool:
        """Append a whole record or, on a full disk, none of it."""
        try:
            fd = os.open(self._task.path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:
            return False
        try:
            size = os.fstat(fd).st_size
            try:
                written = os.write(fd, record)
            except OSError:
                written = 0
            if written < len(record):
                os.ftruncate(fd, size)
            return written == len(record)
        finally:
            os.close(fd)

    def _seal(self) -> None:
        self._note_growth()
        if self._digest is None:
            return  # a guardian does not know the secrets: the studio asks for the receipt
        while not self._digest.advance(64 * PIECE):
            self._tick()
        receipt = self._digest.receipt()
        while self._task.exists():
            try:
                self._task.write_sealed(receipt)
            except OSError:  # a full disk
                self._beat()
                time.sleep(1)
            else:
                return


def guard(task: Task) -> None:
    """Have time limit and stop hold for a task whose keeper and sampler are both dead."""
    keeper = task.keeper()
    started = task.read_process("started.json")
    spec = task.read("spec.json") or {}
    limit_s = spec.get("time_limit_s")
    deadline = None
    if limit_s is not None and started is not None:
        deadline = time.monotonic() + started["started_at"] + limit_s - time.time()

    def work() -> None:
        reset_signals()
        redirect(task.path("keeper.err"))
        Sampler(task, spec, None, started, deadline).guard(keeper or {})

    detach(work)


class Resources:
    """What the processes of a task use, and what the host has left."""

    def __init__(self, folder: str, family: Family) -> None:
        self._folder = folder
        self._family = family
        self._gpus = Gpus()
        self._at = time.monotonic()
        self._cpu_s = 0.0

    def sample(self) -> "Json":
        """The fields of one line of samples.jsonl."""
        rows = self._family.living()
        keeper = read_process(self._family.root) if self._family.root else None
        counted = rows + ([keeper] if keeper else [])  # in it is what it has awaited
        now = time.monotonic()
        cpu_s = max(self._cpu_s, sum(row.cpu_s for row in counted))
        percent = 100 * (cpu_s - self._cpu_s) / max(0.001, now - self._at)
        self._at, self._cpu_s = now, cpu_s
        transfers = [_transfer(row.pid) for row in counted]
        received, sent = _network()
        return {
            "t": time.time(),
            "cpu_s": round(cpu_s, 3),
            "cpu_percent": round(percent, 1),
            "rss_bytes": sum(row.rss_bytes for row in rows),
            "processes": len(rows),
            "read_bytes": sum(read for read, _ in transfers),
            "write_bytes": sum(written for _, written in transfers),
            "net_rx_bytes": received,
            "net_tx_bytes": sent,
            "disk_free_bytes": disk_free(self._folder),
            "gpus": self._gpus.latest(),
        }


def _transfer(pid: int) -> "tuple[int, int]":
    """Bytes that a process has read from and written to storage."""
    try:
        with open("/proc/%d/io" % pid) as file:
            counts = dict(line.split(": ") for line in file.read().splitlines())
        return int(counts["read_bytes"]), int(counts["write_bytes"])
    except (OSError, KeyError, ValueError):
        return 0, 0


def _network() -> "tuple[int, int]":
    """Bytes that the host has received and sent, the loopback aside."""
    received = sent = 0
    for line in read_text("/proc/net/dev").splitlines()[2:]:
        name, _, counts = line.partition(":")
        if name.strip() != "lo":
            received += int(counts.split()[0])
            sent += int(counts.split()[8])
    return received, sent


class Gpus:
    """The load of the GPUs by nvidia-smi, asked beside our work: it may take seconds or hang."""

    def __init__(self) -> None:
        self._program = which("nvidia-smi")
        self._asked: "Any" = None
        self._latest: "list[Json]" = []

    def latest(self) -> "list[Json]":
        """The newest answer there is; asks for the next one."""
        if self._program is None:
            return []
        if self._asked is not None and self._asked.poll() is not None:
            rows = parse_table(self._asked.communicate()[0], 3)
            self._latest = [
                {"index": int(index), "util": float(load), "mem_bytes": int(mib) << 20}
                for index, load, mib in rows
            ]
            self._asked = None
        if self._asked is None:
            self._asked = ask_nvidia(self._program, "index,utilization.gpu,memory.used")
        return self._latest


def ask_nvidia(program: str, columns: str) -> "Any":
    """The running process that will print one row for each GPU."""
    import subprocess

    command = [program, "--query-gpu=" + columns, "--format=csv,noheader,nounits"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True)


def parse_table(text: str, width: int) -> "list[list[str]]":
    """The rows of so many columns whose numbers are known: a GPU may answer [N/A]."""
    rows = [line.split(", ") for line in text.splitlines()]
    return [row for row in rows if len(row) == width and "[" not in "".join(row)]


# -------------------------------------------------------------------------------- files of a run


class Found:
    """One file that a walk came to. `kind`: "file", or why it is not taken."""

    __slots__ = ("kind", "path", "real", "row")

    def __init__(self, path: str, real: str, kind: str, row: os.stat_result) -> None:
        self.path = path
        self.real = real
        self.kind = kind
        self.row = row


def walk(top: str, below: str = "") -> "Iterator[Found]":
    """Every file under top/below, with paths relative to `top`; never outside `top`.

    A link to a file inside counts as that file; a link to a folder is not entered, as its files
    are found where they are.
    """
    home = os.path.realpath(top)
    start = os.path.join(top, below) if below else top
    if below and os.path.islink(start):
        yield _found(start, below, home)
        return
    if not inside(os.path.realpath(start), home):
        return
    todo = [below]
    while todo:
        folder = todo.pop()
        try:
            entries = list(os.scandir(os.path.join(top, folder)))
        except NotADirectoryError:
            yield _found(os.path.join(top, folder), folder, home)
            continue
        except OSError:
            continue
        for entry in entries:
            path = os.path.join(folder, entry.name)
            with suppress(FileNotFoundError):  # gone since the listing
                if entry.is_dir(follow_symlinks=False):
                    todo.append(path)
                else:
                    yield _found(entry.path, path, home)


def _found(full: str, path: str, home: str) -> Found:
    row = os.lstat(full)
    if stat.S_ISREG(row.st_mode):
        return Found(path, full, "file", row)
    if not stat.S_ISLNK(row.st_mode):
        return Found(path, full, "not a regular file", row)
    real = os.path.realpath(full)
    if not inside(real, home):
        return Found(path, full, "a link out of the working directory", row)
    try:
        target = os.stat(real)
    except OSError:
        return Found(path, full, "a link to nothing", row)
    if stat.S_ISDIR(target.st_mode):
        return Found(path, full, "a link to a folder", row)
    kind = "file" if stat.S_ISREG(target.st_mode) else "not a regular file"
    return Found(path, real, kind, target)


def inside(path: str, home: str) -> bool:
    """Whether a resolved path is `home` or lies below it."""
    return path == home or path.startswith(home.rstrip("/") + "/")


class Globs:
    """Patterns over relative paths: * and ? within a name, ** over folders.

    A pattern that names a folder means all in it.
    """

    def __init__(self, patterns: "object") -> None:
        if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
            raise Refusal("patterns must be a list of texts, not %r." % (patterns,))
        for one in patterns:
            if one.startswith("/") or ".." in one.split("/"):
                raise Refusal("The pattern %r leaves the working directory." % one)
        self.bases = self._find_bases(patterns)
        self._patterns = [
            [part if part == "**" else Name(part) for part in parts_of(one)] for one in patterns
        ]

    def match(self, path: str) -> bool:
        """Whether any pattern does, in a time that grows with the path and no faster."""
        names = path.split("/")
        return any(self._matches(pattern, names) for pattern in self._patterns)

    @staticmethod
    def _find_bases(patterns: "list[str]") -> "list[str]":
        """The paths under which all matches lie, none of them inside another."""
        found = set()
        for pattern in patterns:
            parts = parts_of(pattern)
            fixed = [not set(part) & set("*?[") for part in parts] + [False]
            found.add("/".join(parts[: fixed.index(False)]))
        bases: "list[str]" = []
        for base in sorted(found):
            if not any(not other or inside(base, other) for other in bases):
                bases.append(base)
        return bases

    @staticmethod
    def _matches(pattern: "list[Any]", names: "list[str]") -> bool:
        places = {0}  # before which names the rest of the pattern may begin
        for part in pattern[:-1]:
            if part == "**":
                places = set(range(min(places), len(names)))
            else:
                places = {at + 1 for at in places if at < len(names) and part.match(names[at])}
            if not places:
                return False
        within = [at for at in places if at < len(names)]
        return any(last == "**" or last.match(names[at]) for last in pattern[-1:] for at in within)


def parts_of(pattern: str) -> "list[str]":
    """The names of a pattern."""
    return [part for part in pattern.split("/") if part not in ("", ".")]


class Name:
    """A pattern for one name: *, ?, [a-z] and [!a-z].

    Not one regular expression, which can take for ever when there are many * in it, but one for
    each piece between them, of a fixed length.
    """

    def __init__(self, part: str) -> None:
        pieces: "list[list[str]]" = [[]]
        for one in self._read(part):
            if one == "*":
                pieces.append([])
            else:
                pieces[-1].append(one)
        self._pieces = [(re.compile("".join(piece), re.DOTALL), len(piece)) for piece in pieces]

    def match(self, name: str) -> bool:
        """Whether it fits: each piece is taken where it is found first."""
        (first, at), (last, length) = self._pieces[0], self._pieces[-1]
        if len(self._pieces) == 1:
            return first.fullmatch(name) is not None
        end = len(name) - length
        if end < at or not first.match(name) or not last.match(name, end):
            return False
        for piece, _ in self._pieces[1:-1]:
            found = piece.search(name, at, end)
            if found is None:
                return False
            at = found.end()
        return True

    @staticmethod
    def _read(part: str) -> "Iterator[str]":
        """A * for any number of characters, or the expression of a single one."""
        while part:
            group = re.match(r"\[(?:!(.[^\]]*)|([^!][^\]]*))\]", part, re.DOTALL)
            if group:
                others, letters = group.groups()
                yield _one_of(others or letters, others=others is not None)
            else:
                yield {"*": "*", "?": "."}.get(part[0], re.escape(part[0]))
            part = part[group.end() if group else 1 :]


def _one_of(letters: str, *, others: bool) -> str:
    """The expression for one of these letters and ranges, or for any other."""
    spans = re.findall(r"(.)-(.)|(.)", letters, re.DOTALL)
    ranges = [(first or one, last or one) for first, last, one in spans]
    inside = "".join("%s-%s" % tuple(map(re.escape, r)) for r in ranges if r[0] <= r[1])
    if not inside:
        return "." if others else r"(?!.)."
    return ("[^%s]" if others else "[%s]") % inside


def stands_still(row: os.stat_result, settled_s: float) -> bool:
    """Whether a file was last touched long enough ago; ctime too, as archives set mtime back."""
    return time.time() - max(row.st_mtime, row.st_ctime) >= settled_s


def _fingerprint(row: os.stat_result) -> "list[int]":
    return [row.st_size, row.st_mtime_ns, row.st_ctime_ns, row.st_ino]


class Collection:
    """What a run made: files by hash, other new files by size.

    Hashes are kept for the next time; they hold while size, times and inode of a file do.
    """

    def __init__(self, task: Task, globs: Globs, tick: "Callable[[], None]") -> None:
        self._task = task
        self._globs = globs
        self._tick = tick
        self._hashes = task.read("hashes.json") or {}
        self.files: "list[Json]" = []
        self.skipped: "list[Json]" = []
        self.extra: "list[Json]" = []
        self.extra_count = 0
        self.skipped_count = 0

    def settled(self, settled_s: float) -> None:
        """The matching files that have stood still for so long."""
        for base in self._globs.bases:
            for found in walk(self._task.code, base):
                self._tick()
                if found.kind == "file" and stands_still(found.row, settled_s):
                    self._take(found, even_changing=False)

    def whole(self) -> None:
        """All matching files, and the others that are new."""
        known = {entry["path"] for entry in self._task.manifest()}
        for found in walk(self._task.code):
            self._tick()
            if self._globs.match(found.path):
                if found.kind == "file":
                    self._take(found, even_changing=True)
                else:
                    self._skip(found.path, found.kind)
            elif found.kind != "file" and found.path in self._globs.bases:
                self._skip(found.path, found.kind)  # all that was to be kept lies behind it
            elif found.kind == "file" and self._is_extra(found.path, known):
                self.extra_count += 1
                if len(self.extra) < LISTED_MAX:
                    self.extra.append({"path": found.path, "size": found.row.st_size})

    def answer(self) -> "Json":
        """The payload of `collect`."""
        with suppress(OSError):  # a full disk: they are computed again next time
            write_json(self._task.path("hashes.json"), self._hashes)
        return {
            "files": self.files,
            "extra": self.extra,
            "extra_count": self.extra_count,
            "skipped": self.skipped,
            "skipped_count": self.skipped_count,
        }

    @staticmethod
    def _is_extra(path: str, known: "set[str]") -> bool:
        is_stream = path.startswith("logs/") and is_utf8(path)
        ours = is_stream or "__pycache__" in path.split("/")
        return path not in known and not ours

    def _skip(self, path: str, why: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < LISTED_MAX:
            self.skipped.append({"path": path, "why": why})

    def _take(self, found: Found, *, even_changing: bool) -> None:
        if not self._globs.match(found.path):
            return
        fingerprint = _fingerprint(found.row)
        known = self._hashes.get(found.path)
        size = found.row.st_size
        if known is None or known[0] != fingerprint:
            try:
                size, sha, row = self._hash(found.real)
            except OSError as error:
                self._skip(found.path, error.strerror or str(error))
                return
            if _fingerprint(row) != fingerprint and not even_changing:
                return  # it has moved again: next time
            known = [_fingerprint(row), sha]
            self._hashes[found.path] = known
        mode = stat.S_IMODE(found.row.st_mode) & 0o777
        self.files.append({"path": found.path, "size": size, "mode": mode, "sha": known[1]})

    def _hash(self, path: str) -> "tuple[int, str, os.stat_result]":
        import hashlib

        digest = hashlib.sha256()
        size = 0
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            while True:
                data = os.read(fd, PIECE)
                if not data:
                    return size, digest.hexdigest(), os.fstat(fd)
                digest.update(data)
                size += len(data)
                self._tick()
        finally:
            os.close(fd)


# --------------------------------------------------------------------------------------- session


def check_manifest(entries: "list[Any]", *, folding: bool) -> "list[Json]":
    """The entries of a manifest that can be laid out safely; Refusal for any other.

    `folding`: names that differ in case alone are one file here.
    """
    folders: "set[str]" = set()
    leaves: "dict[str, Json]" = {}
    for entry in entries:
        path = _check_entry(entry)
        if path in leaves:
            raise Refusal("The manifest names %r twice." % path, "manifest")
        leaves[path] = entry
        folders.update(_parents(path))
    for path in folders & set(leaves):
        what = "a link" if "link" in leaves[path] else "a file"
        said = "%r is %s in the manifest, but other paths pass through it." % (path, what)
        raise Refusal(said, "manifest")
    if folding:
        _check_folding(sorted(folders) + sorted(leaves))
    return entries


def _check_entry(entry: "Any") -> str:
    if not isinstance(entry, dict) or not is_text(entry.get("path")):
        said = "A manifest entry must be an object with a path, not %r." % (entry,)
        raise Refusal(said, "manifest")
    path = str(entry["path"])
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        said = "The path %r would leave the folder, or is not a plain relative path." % path
        raise Refusal(said, "manifest")
    if "link" in entry:
        if not is_text(entry["link"]) or not entry["link"]:
            raise Refusal("The link %r has no usable target." % path, "manifest")
        return path
    numbers = isinstance(entry.get("size"), int) and isinstance(entry.get("mode"), int)
    if not numbers or not SHA.match(str(entry.get("sha"))):
        raise Refusal("The file %r needs sha, size and mode in the manifest." % path, "manifest")
    return path


def _parents(path: str) -> "Iterator[str]":
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _check_folding(paths: "list[str]") -> None:
    import unicodedata

    seen: "dict[str, str]" = {}
    for path in paths:
        other = seen.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
        if other != path:
            said = "On this target %r and %r would be one file: rename one." % (other, path)
            raise Refusal(said, "manifest")


def write_task_files(task: Task, request: "Json") -> "Json":
    """Write what a task is to run, and the files that come with it; the spec as it was kept."""
    spec = dict(request["spec"], protocol=PROTOCOL)
    spec["cookie"] = spec.get("cookie") or os.urandom(16).hex()
    for path, text in spec.pop("files", {}).items():
        os.makedirs(os.path.dirname(task.path(path)), exist_ok=True)
        write_file(task.path(path), to_bytes(text))
    if request.get("build") is not None:
        write_json(task.path("build.json"), request["build"])
    write_json(task.path("spec.json"), spec)
    return spec


def make_root(root: str) -> str:
    """The absolute root on this target, made when missing and then private."""
    path = os.path.abspath(os.path.expanduser(root))
    if not os.path.isdir(path):
        os.makedirs(path, 0o700, exist_ok=True)
    return path


def field(request: "Json", name: str, kind: type, default: "object" = None) -> "Any":
    """A field of a request; Refusal when it is of another kind, or missing without a default."""
    value = request.get(name, default)
    if not isinstance(value, kind):
        said = "%s: %s must be %s, not %r." % (request.get("op"), name, kind.__name__, value)
        raise Refusal(said)
    return value


def offset_in(values: "Json", name: str) -> int:
    """A place in a file that a request names; Refusal for what is none."""
    value = values.get(name, 0)
    if not isinstance(value, int) or value < 0:
        raise Refusal("The offset of %s must be a number of bytes, not %r." % (name, value))
    return value


class Session:
    """Answers requests about one root on a target, one after the other, until the input ends."""

    def __init__(self, root: str, blobs: "str | None") -> None:
        self._root = make_root(root)
        own = os.path.join(self._root, "blobs")
        place = os.path.abspath(os.path.expanduser(blobs or own))
        self._blobs = Blobs(place, own=place == own)
        self._wire = Wire()
        self._worked_at = time.monotonic()
        self._operations: "dict[str, Callable[[Json, bytes], Frame]]" = {
            "ping": self._ping,
            "hello": self._hello,
            "have": self._have,
            "receive": self._receive,
            "materialise": self._materialise,
            "prepare": self._prepare,
            "start": self._start,
            "look": self._look,
            "tasks": self._tasks,
            "weigh": self._weigh,
            "stop": self._stop,
            "conclude": self._conclude,
            "seal": self._seal,
            "collect": self._collect,
            "fetch": self._fetch,
            "env": self._env,
            "envs": self._envs,
            "remove_env": self._remove_env,
            "sweep_envs": self._sweep_envs,
            "verify_env": self._verify_env,
            "trim_cache": self._trim_cache,
            "interpreter": self._interpreter,
            "paths": self._paths,
            "clear": self._clear,
        }

    def serve(self) -> None:
        """Answer until the other side ends; Hangup when it does."""
        while True:
            try:
                header, payload = self._wire.receive()
                self._worked_at = time.monotonic()
                answer, content = self._answer(header, payload)
            except Refusal as refusal:  # out of step: nothing that follows can be understood
                self._wire.send({"error": str(refusal), "code": refusal.code})
                return
            while len(content) > PAYLOAD_MAX:
                self._wire.send(dict(answer, more=True), content[:PAYLOAD_MAX])
                content = content[PAYLOAD_MAX:]
            self._wire.send(answer, content)

    def _answer(self, header: "Json", payload: bytes) -> "Frame":
        try:
            return self._operate(header, payload)
        except Refusal as refusal:
            if refusal.code == "frame":
                raise
            return {"error": str(refusal), "code": refusal.code}, refusal.payload
        except OSError as error:
            fault = refusal_of(error)
            return {"error": str(fault), "code": fault.code}, b""
        except UnicodeEncodeError as error:
            said = (
                "The locale of the target (%s) cannot write %r: set LC_CTYPE=C.UTF-8 for its user."
            )
            return {"error": said % (error.encoding, error.object), "code": "os"}, b""
        except Hangup:
            raise
        except Exception as error:  # noqa: BLE001  a fault of ours must not cost the session
            sys.excepthook(*sys.exc_info())
            said = "The runner failed at %s: %s: %s"
            said = said % (header.get("op"), type(error).__name__, error)
            return {"error": said, "code": "internal"}, b""

    def _operate(self, header: "Json", payload: bytes) -> "Frame":
        name = header.get("op")
        if name != "receive":
            payload = b"".join(self._pieces(header, payload))
        operation = self._operations.get(str(name))
        if operation is None:
            known = ", ".join(sorted(self._operations))
            raise Refusal("There is no operation %r. There are: %s." % (name, known))
        return operation(header, payload)

    def _pieces(self, header: "Json", payload: bytes) -> "Iterator[bytes]":
        """The payload of a request and of the frames that continue it."""
        total = len(payload)
        yield payload
        while header.get("more"):
            header, payload = self._wire.receive()
            total += len(payload)
            if total > JOINED_MAX and header.get("op") != "receive":
                raise Refusal("The request is larger than %d bytes." % JOINED_MAX, "frame")
            yield payload

    def _tick(self) -> None:
        """Say now and then that a long operation is still at work; ends us when nobody listens."""
        if time.monotonic() > self._worked_at + WORKING_S:
            self._worked_at = time.monotonic()
            self._wire.send({"working": True})

    def _task(self, request: "Json", key: str = "name") -> Task:
        name = field(request, key, str)
        if not NAME.match(name):
            raise Refusal("%r cannot be the name of a task folder." % name, "name")
        return Task(os.path.join(self._root, "tasks", name))

    def _present(self, request: "Json") -> Task:
        task = self._task(request)
        if not task.exists():
            said = "The folder of task %s is gone from the target." % request["name"]
            raise Refusal(said, "gone")
        return task

    # -- the target

    def _ping(self, request: "Json", payload: bytes) -> "Frame":
        return {"ok": True}, b""

    def _hello(self, request: "Json", payload: bytes) -> "Frame":
        return facts(self._root), b""

    # -- blobs and snapshots

    def _have(self, request: "Json", payload: bytes) -> "Frame":
        return {}, json.dumps(self._blobs.missing(parse_list(payload, "have"))).encode("utf-8")

    def _receive(self, request: "Json", payload: bytes) -> "Frame":
        pieces = self._pieces(request, payload)
        try:
            self._blobs.receive(field(request, "sha", str), field(request, "size", int), pieces)
        finally:
            for _ in pieces:  # a refused blob goes on arriving
                pass
        return {"ok": True}, b""

    def _materialise(self, request: "Json", payload: bytes) -> "Frame":
        task = self._task(request, "task")
        if task.claimed():
            said = "Task %s was started already: its files stay." % request["task"]
            raise Refusal(said, "claimed")
        remove_tree(task.code, self._tick)
        unlink(task.path("manifest.json"))
        os.makedirs(task.code)
        try:
            folding = os.path.exists(task.path("CODE"))
            entries = check_manifest(parse_list(payload, "materialise"), folding=folding)
            self._require({entry["sha"] for entry in entries if "sha" in entry})
            self._lay_out(task, entries)
            write_json(task.path("manifest.json"), entries)
        except BaseException:  # also when nobody waits for the answer any more
            remove_tree(task.code)
            raise
        return {"ok": True}, b""

    def _require(self, shas: "set[str]") -> None:
        missing = self._blobs.missing(sorted(shas))
        if missing:
            payload = json.dumps(missing).encode("utf-8")
            raise Refusal("%d blobs are missing on the target." % len(missing), "missing", payload)

    def _lay_out(self, task: Task, entries: "list[Json]") -> None:
        """Folders first, links last, so that nothing is ever written through a link."""
        for folder in sorted({parent for entry in entries for parent in _parents(entry["path"])}):
            os.mkdir(os.path.join(task.code, folder))
        for entry in entries:
            if "link" not in entry:
                path = os.path.join(task.code, entry["path"])
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                try:
                    self._blobs.copy(entry["sha"], entry["size"], fd, self._tick)
                    os.fchmod(fd, entry["mode"] & 0o777)
                finally:
                    os.close(fd)
                self._tick()
        for entry in entries:
            if "link" in entry:
                os.symlink(entry["link"], os.path.join(task.code, entry["path"]))

    # -- tasks

    def _prepare(self, request: "Json", payload: bytes) -> "Frame":
        task = self._task(request)
        check_spec(field(request, "spec", dict))
        if task.claimed():
            raise Refusal("Task %s was started already." % request["name"], "claimed")
        os.makedirs(task.folder, exist_ok=True)
        write_task_files(task, request)
        return {"ok": True}, b""

    def _start(self, request: "Json", payload: bytes) -> "Frame":
        task = self._task(request)
        check_spec(field(request, "spec", dict))
        check_variables(request.get("secrets", {}), "secrets")
        check_texts(request.get("mask", []), "mask")
        if task.claimed():
            return {"claimed": True}, b""
        os.makedirs(task.folder, exist_ok=True)
        with suppress(ImportError):  # imported once here, for all keepers and samplers to come
            import ctypes  # noqa: F401
            import hashlib  # noqa: F401
        answers, write = os.pipe()
        detach(lambda: keep_in_background(task, request, write), keep={write})
        os.close(write)
        try:
            return self._hear_of_start(answers), b""
        finally:
            os.close(answers)

    @staticmethod
    def _hear_of_start(answers: int) -> "Json":
        text, data = b"", b"?"
        while data:
            if not select.select([answers], [], [], START_WAIT_S)[0]:
                said = "The task has not reported its start within %d s: look again."
                raise Refusal(said % START_WAIT_S, "timeout")
            data = os.read(answers, 65536)
            text += data
        if not text:
            said = "The keeper died while it started the task: look what became of it."
            raise Refusal(said, "internal")
        return dict(json.loads(text.decode("utf-8")))

    def _look(self, request: "Json", payload: bytes) -> "Frame":
        names = field(request, "names", list)
        answer = {}
        for name in names:
            task = self._task({"op": "look", "name": name})
            self._tick()
            answer[name] = dict(
                task.states(),
                folder=task.exists(),
                claimed=task.claimed(),
                exited=task.exited(),
                sealed=task.read("sealed.json"),
            )
        return {}, json.dumps(answer).encode("utf-8")

    def _tasks(self, request: "Json", payload: bytes) -> "Frame":
        prefix = field(request, "prefix", str)
        folder = os.path.join(self._root, "tasks")
        found = {}
        for entry in sorted(os.listdir(folder) if os.path.isdir(folder) else ()):
            begun = entry.startswith(".clear-")
            name = entry[len(".clear-") :].rsplit(".", 2)[0] if begun else entry
            if not name.startswith(prefix) or not NAME.match(name):
                continue
            with suppress(FileNotFoundError):  # it goes at this moment
                found[name] = os.stat(os.path.join(folder, entry)).st_mtime
        return {}, json.dumps(found).encode("utf-8")

    def _weigh(self, request: "Json", payload: bytes) -> "Frame":
        answer = {}
        for name in field(request, "names", list):
            task = self._task({"op": "weigh", "name": name})
            weight = Weight()
            weight.add_tree(task.folder, self._tick)
            folder, begun = os.path.split(task.folder)[0], ".clear-%s." % name
            for entry in os.listdir(folder) if os.path.isdir(folder) else ():
                if entry.startswith(begun):
                    weight.add_tree(os.path.join(folder, entry), self._tick)
            answer[name] = weight.bytes
        return {}, json.dumps(answer).encode("utf-8")

    def _stop(self, request: "Json", payload: bytes) -> "Frame":
        """Safe against a start at the same moment: the wish is written before the claim is tried.

        Whoever has the claim reads stop.json before it starts, and hears our signal after that.
        """
        task = self._task(request)
        reason = field(request, "reason", str, "canceled_by_user")
        grace_s = request.get("grace_s")
        if not task.exists():
            return {"ok": True, "state": "gone"}, b""
        if task.exited() is not None:
            return {"ok": True, "state": "ended"}, b""
        self._wish(task, {"reason": reason, "grace_s": grace_s, "at": time.time()})
        record = dict(exit_record(), reason=reason, ended_at=time.time())
        if self._forestall(task, record):
            return {"ok": True, "state": "never_started"}, b""
        return {"ok": True, "state": self._urge(task)}, b""

    @staticmethod
    def _forestall(task: Task, record: "Json") -> bool:
        """Claim a task with its end, so that it never starts; whether nobody had claimed it."""
        if not task.claim(dict(identity(os.getpid()), exited=record)):
            return False
        with suppress(OSError):  # a full disk: the claim itself holds the end
            write_json(task.path("exited.json"), record, durable=True)
            task.seal([], nothing)
        return True

    @staticmethod
    def _wish(task: Task, wish: "Json") -> None:
        try:
            write_json(task.path("stop.json"), wish)
        except OSError:
            unlink(task.path("ballast"))  # a full disk must not protect what fills it
            write_json(task.path("stop.json"), wish)

    @staticmethod
    def _urge(task: Task) -> str:
        """Make the wish known to whoever keeps the task; the sampler reads it by itself."""
        states = task.states()
        keeper = task.keeper()
        if keeper is not None and states["keeper"] == "alive":
            with suppress(ProcessLookupError):
                os.kill(keeper["pid"], signal.SIGUSR1)
                os.kill(keeper["pid"], signal.SIGCONT)
        elif states["command"] == "alive" and states["sampler"] != "alive":
            guard(task)
        elif {"alive", "unknown"}.isdisjoint(states.values()):
            return "lost"
        return "stopping"

    def _conclude(self, request: "Json", payload: bytes) -> "Frame":
        """Record an end that nobody here saw, on the word of who asks; a true record stays.

        What nobody has claimed is left alone, unless who asks knows that its keeper is dead.
        """
        task = self._task(request)
        is_claimed = task.claimed()
        if task.exited() is not None or not (is_claimed or request.get("unclaimed")):
            return {"ok": True}, b""
        if "alive" in task.states().values():
            self._refuse_living(task, "conclude")
        record = exit_record(task.read_process("started.json"))
        record.update(reason=field(request, "reason", str), ended_at=time.time())
        record.update(error=field(request, "error", str, "") or None)
        if is_claimed:
            task.write_exited(record, waiting=self._tick)
        elif task.exists():
            last_words = read_text(task.path("keeper.err")).strip().splitlines()
            if last_words:
                record.update(reason="exec_failed", error=last_words[-1])
            self._forestall(task, record)
        return {"ok": True}, b""

    def _seal(self, request: "Json", payload: bytes) -> "Frame":
        task = self._present(request)
        mask = field(request, "mask", list, [])
        check_texts(mask, "mask")
        if task.read("sealed.json") is None:
            self._refuse_living(task, "seal")
        return {"sealed": task.seal(mask, self._tick)}, b""

    @staticmethod
    def _refuse_living(task: Task, what: str) -> None:
        states = task.states()
        living = [who for who in ("keeper", "sampler", "command") if states[who] == "alive"]
        if not living and "unknown" in states.values() and task.exited() is None:
            living = ["keeper perhaps, on another machine or in a container,"]
        if living:
            said = "Cannot %s task %s: its %s lives."
            said = said % (what, os.path.basename(task.folder), " and ".join(living))
            raise Refusal(said, "alive")

    def _clear(self, request: "Json", payload: bytes) -> "Frame":
        task = self._task(request)
        folder, name = os.path.split(task.folder)
        if task.exists():
            self._refuse_living(task, "clear")
            os.rename(task.folder, part_of(os.path.join(folder, ".clear-" + name)))
        for entry in os.listdir(folder) if os.path.isdir(folder) else ():
            if entry.startswith(".clear-%s." % name):  # ours, and what a killed predecessor left
                remove_tree(os.path.join(folder, entry), self._tick)
        return {"ok": True}, b""

    # -- what a run made

    def _collect(self, request: "Json", payload: bytes) -> "Frame":
        collection = Collection(self._present(request), Globs(request.get("patterns")), self._tick)
        if request.get("settled_s") is None:
            collection.whole()
        else:
            collection.settled(float(field(request, "settled_s", object)))
        return {}, json.dumps(collection.answer()).encode("utf-8")

    def _fetch(self, request: "Json", payload: bytes) -> "Frame":
        task = self._present(request)
        path = os.path.realpath(os.path.join(task.code, field(request, "path", str)))
        if not inside(path, os.path.realpath(task.code)):
            raise Refusal("%r leads out of the working directory." % request["path"])
        if not os.path.isfile(path):
            said = "There is no file %r in the working directory (any more)." % request["path"]
            raise Refusal(said, "gone")
        offset = offset_in(request, "offset")
        fd = os.open(path, os.O_RDONLY)
        try:
            data = os.pread(fd, PIECE, offset)
            while True:
                offset += len(data)
                following = os.pread(fd, PIECE, offset)
                if not following:
                    return {"more": False}, data
                self._wire.send({"more": True}, data)
                data = following
        finally:
            os.close(fd)

    # -- environments

    def _env(self, request: "Json", payload: bytes) -> "Frame":
        path = os.path.join(self._root, "envs", field(request, "path", str))
        why = env_fault(path)
        complete = os.path.join(path, "complete")
        if not why:
            note_use(complete)
        return {"ready": not why, "why": why, "was_ready": os.path.exists(complete)}, b""

    def _envs(self, request: "Json", payload: bytes) -> "Frame":
        return take_stock(self._root, self._tick), b""

    def _remove_env(self, request: "Json", payload: bytes) -> "Frame":
        path = self._env_path(request)
        if os.path.isdir(path):
            with self._only_here(path):
                self._refuse_if_used(path, float(field(request, "unused_s", int, 0)))
                set_aside(path)
        return {"ok": True}, b""

    def _sweep_envs(self, request: "Json", payload: bytes) -> "Frame":
        removed = 0
        for path in leftover_envs(self._root):
            self._tick()
            with suppress(Refusal), self._only_here(path):
                if not os.path.exists(os.path.join(path, "complete")):
                    set_aside(path)
                    removed += 1
        return {"removed": removed + remove_set_aside(self._root, self._tick)}, b""

    def _verify_env(self, request: "Json", payload: bytes) -> "Frame":
        path = self._env_path(request)
        fault = env_fault(path) or damage_told(damaged_files(path, self._tick))
        return {"fault": fault}, b""

    def _trim_cache(self, request: "Json", payload: bytes) -> "Frame":
        freed = trim_cache(self._root, field(request, "bytes", int), self._tick)
        return {"freed_bytes": freed}, b""

    def _env_path(self, request: "Json") -> str:
        key = field(request, "key", str)
        if not NAME.match(key):
            raise Refusal("%r cannot be the key of an environment." % key, "name")
        return os.path.join(self._root, "envs", key)

    @contextmanager
    def _only_here(self, path: str) -> "Iterator[None]":
        """With the lock of an environment held."""
        lock = lock_file(path + ".lock")
        if lock is None:
            said = "Environment %s is being built at this moment." % os.path.basename(path)
            raise Refusal(said, "busy")
        try:
            yield
        finally:
            os.close(lock)

    def _refuse_if_used(self, path: str, unused_s: float) -> None:
        key = os.path.basename(path)
        users = envs_in_use(self._root, self._tick).get(key)
        if users:
            raise Refusal("Environment %s is in use by %s." % (key, ", ".join(users)), "used")
        if time.time() - last_use(path) < unused_s:
            raise Refusal("Environment %s was used a moment ago." % key, "used")

    def _interpreter(self, request: "Json", payload: bytes) -> "Frame":
        return examine_python(field(request, "path", str)), b""

    # -- data that was here before us

    def _paths(self, request: "Json", payload: bytes) -> "Frame":
        paths = field(request, "paths", list)
        check_texts(paths, "paths")
        found = []
        for path in paths:
            if not os.path.isabs(path):
                raise Refusal("%r is not an absolute path." % path)
            self._tick()
            found.append(look_at_path(path))
        return {}, json.dumps(found).encode("utf-8")


def parse_list(payload: bytes, what: str) -> "list[Any]":
    """The list that a payload holds as JSON."""
    try:
        value = json.loads(payload.decode("utf-8"))
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise Refusal("The payload of %s must be a list in JSON." % what)
    return value


def keep_in_background(task: Task, request: "Json", report_to: int) -> None:
    """Be the keeper that a session forked; what became of the start goes to its pipe, once."""
    told: "list[bool]" = []

    def report(answer: "Json") -> None:
        if not told:
            told.append(True)
            os.write(report_to, json.dumps(answer).encode("utf-8"))
            os.close(report_to)

    redirect(task.path("keeper.err"))
    try:
        Keeper(task, dict(request, stdin=False), report).keep()
    except Refusal as refusal:
        report({"error": str(refusal), "code": refusal.code})


def keep_in_front(folder: str) -> int:
    """Be the keeper as this very process: the first one in a container, or a batch step."""
    task = Task(os.path.abspath(os.path.expanduser(folder)))
    spec = task.read("spec.json")
    if spec is None:
        said = "%s is missing or damaged: prepare the task first." % task.path("spec.json")
        raise Refusal(said, "spec")
    check_spec(spec)
    close_files(())
    to_come = bool(spec.get("stdin"))
    if not to_come:
        redirect(task.path("keeper.err"))
    return Keeper(task, {"spec": spec, "stdin": to_come}, lambda answer: None).keep()


def runner_sha() -> str:
    """Which runner this is: the SHA-256 of its source."""
    name = os.path.basename(os.path.dirname(os.path.abspath(__file__)))
    if SHA.match(name):
        return name
    import hashlib

    with open(__file__, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def facts(root: str) -> "Json":
    """What this target is and has."""
    disk = os.statvfs(root)
    system = os.uname()
    return {
        "protocol": PROTOCOL,
        "runner_sha": runner_sha(),
        "python": os.path.realpath(sys.executable),  # the base interpreter of a venv
        "python_version": "%d.%d.%d" % sys.version_info[:3],
        "platform": sys.platform,
        "machine": system.machine,
        "libc": _libc(),
        "hostname": system.nodename,
        "user": _user(),
        "cores": _cores(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "disk_total_bytes": disk.f_blocks * disk.f_frsize,
        "disk_free_bytes": disk.f_bavail * disk.f_frsize,
        "gpus": _gpus(),
        "pythons": pythons(),
        "uv": which("uv"),
        "conda": which("micromamba") or which("mamba") or which("conda"),
        "docker": which("docker"),
        "slurm": which("sbatch"),
        "spark": which("spark-submit"),
        "clock": time.time(),
        "boot_id": boot_id(),
        "root": root,
    }


def pythons() -> "list[Json]":
    """The Pythons that lie where people install them, each once, by the version in its name.

    Scripts are left out: they choose a Python by where they are started (pyenv's shims).
    """
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    folders += ["/usr/local/bin", "/opt/homebrew/bin", "~/.local/bin"]
    homes = [os.environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")]
    homes.append(os.path.join(os.environ.get("PYENV_ROOT") or "~/.pyenv", "versions"))
    for home in map(os.path.expanduser, homes):
        folders += [os.path.join(home, name, "bin") for name in _names(home)]
    found = {}
    for folder in map(os.path.expanduser, folders):
        for name in _names(folder):
            version = name[len("python") :]
            if name.startswith("python3.") and version[2:].isdigit():
                path = os.path.realpath(os.path.join(folder, name))
                if path not in found and _is_program(path):
                    found[path] = {"path": path, "version": version}
    return list(found.values())


def _names(folder: str) -> "list[str]":
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _is_program(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) != b"#!" and os.access(path, os.X_OK)
    except OSError:
        return False


def _cores() -> int:
    """The cores that we may use, which may be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return "musl" if LINUX else ""


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _gpus() -> "list[Json]":
    program = which("nvidia-smi")
    if program is None:
        return []
    import subprocess

    with ask_nvidia(program, "index,name,memory.total") as asked:
        try:
            answer = asked.communicate(timeout=10)[0]
        except subprocess.TimeoutExpired:  # a driver that hangs
            asked.kill()
            return []
    return [
        {"index": int(index), "name": name, "memory_bytes": int(mib) << 20}
        for index, name, mib in parse_table(answer, 3)
    ]


# ----------------------------------------------------------------------------------------- watch


class Stream:
    """One growing file of a task, and how much of it has been sent."""

    __slots__ = ("name", "offset", "path", "short", "size", "waiting")

    def __init__(self, name: str, path: str, offset: int) -> None:
        self.name = name
        self.path = path
        self.offset = offset
        self.size = 0
        self.short = False  # the file is shorter than what was sent, and that was said
        self.waiting = False  # in line to be sent


class Followed:
    """One task that a watch follows."""

    def __init__(self, key: str, task: Task, offsets: "Json") -> None:
        self.key = key
        self.task = task
        self.streams: "dict[str, Stream]" = {}
        self.line: "deque[Stream]" = deque()
        self.ending: "Json | None" = None
        self.started = False
        self.settled: "set[tuple[str, int, int]]" = set()
        self.beat = ""
        self.beat_since = time.monotonic()
        self._due: "dict[str, float]" = {}
        for name in [*MAIN_STREAMS, *sorted(offsets)]:
            if name in MAIN_STREAMS or (name.startswith("logs/") and ".." not in name.split("/")):
                self.stream(name).offset = offset_in(offsets, name)

    def stream(self, name: str) -> Stream:
        """The stream of this name, from its start on when it is new."""
        if name not in self.streams:
            self.streams[name] = Stream(name, self.task.stream_path(name), 0)
        return self.streams[name]

    def is_due(self, what: str, now: float, every_s: float) -> bool:
        """Whether it is time for something again; then the next time is `every_s` from now."""
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every_s
        return True

    def costs(self, what: str, since: float) -> None:
        """Let what took long come less often: it may use a twentieth of our time."""
        now = time.monotonic()
        self._due[what] = max(self._due[what], now + 20 * (now - since))


class Watch:
    """Sends the bytes of many tasks as they grow, and the end of each after its last byte.

    One thread that polls: stat is cheap, and works on file systems that have no events.
    """

    def __init__(self, root: str) -> None:
        self._root = make_root(root)
        self._wire = Wire()
        self._followed: "dict[str, Followed]" = {}
        self._line: "deque[Followed]" = deque()
        self._poll_at = 0.0

    def serve(self) -> None:
        """Watch until the other side ends or falls silent."""
        while time.monotonic() < self._wire.heard_at + PATIENCE_S:
            now = time.monotonic()
            if now >= self._poll_at:
                for followed in list(self._followed.values()):
                    self._poll_surely(followed, now)
                self._poll_at = now + max(POLL_S, 8 * (time.monotonic() - now))
            self._fill()
            pushed = self._wire.push()
            wait_s = 0.0 if pushed and self._line else max(0.0, self._poll_at - time.monotonic())
            if select.select([0], [] if pushed else [1], [], wait_s)[0]:
                self._hear()

    # -- what we are told

    def _hear(self) -> None:
        self._wire.pull()
        while self._wire.frames:
            request, _ = self._wire.frames.popleft()
            try:
                self._obey(request)
            except Refusal as refusal:
                said = {"t": "error", "error": str(refusal), "code": refusal.code}
                self._wire.put(dict(said, task=request.get("task")))

    def _obey(self, request: "Json") -> None:
        operation = request.get("op")
        if operation == "ping":
            self._wire.put({"t": "pong"})
            return
        key = field(request, "task", str)
        if operation == "follow":
            self._follow(key, field(request, "name", str), field(request, "offsets", dict, {}))
        elif operation == "unfollow":
            self._drop(key)
        elif operation == "rewind":
            self._rewind(key, field(request, "stream", str), offset_in(request, "offset"))
        else:
            said = "There is no operation %r. There are: follow, unfollow, rewind, ping."
            raise Refusal(said % (operation,))

    def _follow(self, key: str, name: str, offsets: "Json") -> None:
        if not NAME.match(name):
            raise Refusal("%r cannot be the name of a task folder." % name, "name")
        task = Task(os.path.join(self._root, "tasks", name))
        protocol = (task.keeper() or {}).get("protocol")
        if isinstance(protocol, int) and protocol > PROTOCOL:
            said = "Task %s was started by a newer runner: this one cannot read its files."
            raise Refusal(said % name, "protocol")
        self._drop(key)
        self._followed[key] = Followed(key, task, offsets)
        self._poll_at = 0.0

    def _rewind(self, key: str, name: str, offset: int) -> None:
        followed = self._followed.get(key)
        if followed is not None and name in followed.streams:
            stream = followed.streams[name]
            stream.offset = offset
            stream.short = False
            self._measure(followed, stream)

    def _drop(self, key: str) -> None:
        followed = self._followed.pop(key, None)
        if followed is not None and followed in self._line:
            self._line.remove(followed)

    # -- what we see

    def _poll_surely(self, followed: Followed, now: float) -> None:
        """Whatever a command did to the files of its task, the others are watched on."""
        try:
            self._poll(followed, now)
        except Exception as error:  # noqa: BLE001  (its files may hold anything)
            if followed.is_due("trouble", now, TROUBLE_S):
                said = {"t": "error", "task": followed.key, "error": repr(error)[:500]}
                self._wire.put(dict(said, code="spoiled"))

    def _poll(self, followed: Followed, now: float) -> None:
        if followed.ending is not None:
            self._end_when_sent(followed)
            return
        if not followed.started:
            started = followed.task.read_process("started.json")
            if started is not None:
                followed.started = True
                self._wire.put({"t": "started", "task": followed.key, "started": started})
        if followed.is_due("liveness", now, LIVENESS_S) and self._is_over(followed, now):
            return
        exited = followed.task.read("exited.json")
        sealed = followed.task.read("sealed.json") if exited else None
        if sealed is not None:
            self._begin_end(followed, exited, sealed)
        else:
            self._look_at_files(followed, now)

    def _look_at_files(self, followed: Followed, now: float) -> None:
        names = ["run.log", "metrics.jsonl"]
        if followed.is_due("slow", now, GROWTH_S):
            names = list(followed.streams)
        if followed.is_due("logs", now, 1.0):
            for name in followed.task.log_files():
                followed.stream(name)
            followed.costs("logs", now)
        for name in names:
            self._measure(followed, followed.streams[name])
        if followed.is_due("settled", now, SAMPLE_S):
            self._count_settled(followed)
            followed.costs("settled", now)

    def _measure(self, followed: Followed, stream: Stream) -> None:
        """See how far a stream has come, and put it in line when there is something to send."""
        stream.size = followed.task.stream_size(stream.name)
        was_short, stream.short = stream.short, stream.size < stream.offset
        if stream.short and not was_short:
            short = {"t": "short", "task": followed.key, "stream": stream.name}
            self._wire.put(dict(short, size=stream.size))
        if stream.size > stream.offset and not stream.waiting:
            stream.waiting = True
            followed.line.append(stream)
            if followed not in self._line:
                self._line.append(followed)

    def _count_settled(self, followed: Followed) -> None:
        """Tell how many outputs have come to a standstill that had not before."""
        try:
            globs = Globs((followed.task.read("spec.json") or {}).get("outputs", []))
        except Refusal:
            return
        still = set()
        for base in globs.bases:
            for found in walk(followed.task.code, base):
                is_still = found.kind == "file" and stands_still(found.row, SETTLED_S)
                if is_still and globs.match(found.path):
                    still.add((found.path, found.row.st_size, found.row.st_mtime_ns))
        count = len(still - followed.settled)
        followed.settled = still
        if count:
            self._wire.put({"t": "settled", "task": followed.key, "count": count})

    # -- who lives

    def _is_over(self, followed: Followed, now: float) -> bool:
        """Look who lives; whether there is nothing more to wait for."""
        task = followed.task
        if not task.exists():
            self._wire.put({"t": "gone", "task": followed.key})
            self._drop(followed.key)
            return True
        states = self._states(followed, now)
        keeper, sampler, command = (states[who] for who in ("keeper", "sampler", "command"))
        unwatched = command == "alive" and "alive" not in (keeper, sampler)
        if unwatched and followed.is_due("guard", now, 5.0):
            guard(task)
        is_there = not {"alive", "unknown"}.isdisjoint((keeper, sampler, command))
        if is_there and followed.is_due("beat", now, BEAT_S):
            beat = {"t": "beat", "task": followed.key, "beat": int(followed.beat.strip() or 0)}
            self._wire.put(dict(beat, keeper=keeper, sampler=sampler, command=command))
        # what was dead stays dead, so an end record that is missing after this will never come
        exited = task.exited()
        if self._nothing_lives(followed, states, now) and (exited is not None or keeper == "dead"):
            sealed = task.read("sealed.json")
            self._begin_end(followed, exited, sealed, rebooted=states["rebooted"])
            return True
        return False

    def _states(self, followed: Followed, now: float) -> "Json":
        """The states, with the heartbeat in place of the pids that we cannot judge from here."""
        beat = read_text(followed.task.path("beat"))
        if beat != followed.beat:
            followed.beat, followed.beat_since = beat, now
        states = followed.task.states()
        if now < followed.beat_since + SILENCE_S and beat:
            return {who: "alive" if state == "unknown" else state for who, state in states.items()}
        silent = now > followed.beat_since + SILENCE_S
        if silent and states["keeper"] == "none" and followed.task.exited() is None:
            states["keeper"] = "unknown"  # it may have died elsewhere before it could claim
        return states

    def _nothing_lives(self, followed: Followed, states: "Json", now: float) -> bool:
        if "unknown" in states.values():
            silent = now > followed.beat_since + SILENCE_S
            return silent and followed.task.exited() is not None
        return "alive" not in states.values()

    # -- what we send

    def _begin_end(
        self,
        followed: Followed,
        exited: "Json | None",
        sealed: "Json | None",
        *,
        rebooted: bool = False,
    ) -> None:
        """Nothing grows any more: take the last sizes, send what is missing, then say so."""
        for name in followed.task.log_files():
            followed.stream(name)
        for stream in followed.streams.values():
            self._measure(followed, stream)
        followed.ending = {
            "t": "ended",
            "task": followed.key,
            "exited": exited,
            "sealed": sealed,
            "streams": followed.task.streams(),
            "rebooted": rebooted,
        }
        self._end_when_sent(followed)

    def _end_when_sent(self, followed: Followed) -> None:
        if followed.ending is not None and not followed.line:
            self._wire.put(followed.ending)
            self._drop(followed.key)

    def _fill(self) -> None:
        """Queue the next pieces: one of each task and stream in turn."""
        while self._line and self._wire.backlog < PIECE:
            followed = self._line.popleft()
            stream = followed.line.popleft()
            stream.waiting = False
            self._send_piece(followed, stream)
            if stream.size > stream.offset:
                stream.waiting = True
                followed.line.append(stream)
            if followed.line:
                self._line.append(followed)
            else:
                self._end_when_sent(followed)

    def _send_piece(self, followed: Followed, stream: Stream) -> None:
        try:
            fd = os.open(stream.path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            stream.size = 0
            return
        try:
            data = os.pread(fd, min(PIECE, stream.size - stream.offset), stream.offset)
        finally:
            os.close(fd)
        if not data:
            stream.size = stream.offset  # cut short meanwhile
            return
        header = {"t": "bytes", "task": followed.key, "stream": stream.name}
        self._wire.put(dict(header, offset=stream.offset), data)
        stream.offset += len(data)


# ----------------------------------------------------------------------------------------- build


def env_fault(path: str) -> str:
    """Why the environment at `path` cannot be used; "" when it is whole, judged by stat alone.

    Thousands of files before each run: they are looked at from within their folders, which is a
    quarter faster than by long paths. It leaves us in the root folder.
    """
    noted = noted_files(path)
    if noted is None:
        return "It has not been built to the end."
    if not os.access(os.path.join(path, "bin", "python"), os.X_OK):
        return "The Python that it was made with is gone."
    changed = []
    for folder, files in noted.folders.items():
        try:
            os.chdir(os.path.join(path, folder))
        except OSError:
            changed += [os.path.join(folder, row[0]) for row in files]
            continue
        changed += [os.path.join(folder, row[0]) for row in files if not _is_as_noted(*row)]
    os.chdir("/")
    if changed:
        said = "%d of its files were changed or removed since, the first being %s."
        return said % (len(changed), changed[0])
    return _added_told(path, noted)


def rows_to_note(path: str) -> "list[list[object]]":
    """Path, size and mtime of every file of an environment but its bytecode, links as they are.

    Looked at from within their folders, like `env_fault`, and it leaves us in the root folder too.
    """
    rows: "list[list[object]]" = []
    todo = [""]
    while todo:
        below = todo.pop()
        os.chdir(os.path.join(path, below))
        for entry in os.scandir():
            if not entry.is_dir(follow_symlinks=False):
                row = entry.stat(follow_symlinks=False)
                rows.append([below + entry.name, row.st_size, row.st_mtime_ns])
            elif entry.name != "__pycache__":
                todo.append(below + entry.name + "/")
    os.chdir("/")
    return rows


def _is_as_noted(name: str, size: int, mtime_ns: int) -> bool:
    try:
        row = os.lstat(name)
    except OSError:
        return False
    return row.st_size == size and row.st_mtime_ns == mtime_ns


def _added_told(path: str, noted: "Noted") -> str:
    """What was installed beside the noted files, as a sentence."""
    for folder, names in noted.entries.items():
        new = sorted(set(os.listdir(os.path.join(path, folder))) - names - {"__pycache__"})
        if new:
            return "%s was added to it since." % os.path.join(folder, new[0])
    return ""


class Noted:
    """What `complete` lists: the files (name, size, mtime) of each folder, and all names in some.

    Those are the folders that packages are installed into: there more names are a change.
    """

    def __init__(self, record: "Json") -> None:
        self.folders: "dict[str, list[tuple[str, int, int]]]" = {}
        for path, size, mtime_ns in record["files"]:
            folder, name = os.path.split(path)
            self.folders.setdefault(folder, []).append((name, size, mtime_ns))
        entries = record.get("entries", {})
        self.entries = {folder: set(names) for folder, names in entries.items()}


def noted_files(path: str) -> "Noted | None":
    """What `complete` says of an environment; None without it."""
    complete = os.path.join(path, "complete")
    try:
        row = os.stat(complete)
    except OSError:
        return None
    return _read_noted(complete, (row.st_ino, row.st_size, row.st_mtime_ns))


@lru_cache(maxsize=8)
def _read_noted(complete: str, version: "tuple[int, int, int]") -> "Noted | None":
    """Read once for each version of the file."""
    record = read_json(complete)
    return None if record is None else Noted(record)


def last_use(path: str) -> float:
    """When an environment was used last, to the minute; of one that is not whole, when it began."""
    complete = os.path.join(path, "complete")
    return os.stat(complete if os.path.exists(complete) else path).st_mtime


def note_use(complete: str) -> None:
    """Let the time of the file tell to the minute when its environment was used last."""
    if time.time() - os.stat(complete).st_mtime > NOTED_S:
        os.utime(complete)


def look_at_path(path: str) -> "Json":
    """`describe_path`, but a network mount that is down does not hold us up."""
    import threading

    found: "list[Json]" = []
    looker = threading.Thread(target=lambda: found.append(describe_path(path)))
    looker.daemon = True
    looker.start()
    looker.join(LOOK_S)
    why = "%s does not answer within %d s: is it on a mount that is down?" % (path, LOOK_S)
    return found[0] if found else {"path": path, "kind": "", "why": why}


def describe_path(path: str) -> "Json":
    """What `paths` answers: whether a folder or a file lies there that we can read; if not, why."""
    kind = why = ""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            kind = "folder"
            with os.scandir(path) as entries:
                next(entries, None)
            os.stat(os.path.join(path, "."))  # to list is one right, to enter another
        elif stat.S_ISREG(mode):
            kind = "file"
            os.close(os.open(path, os.O_RDONLY))
        else:
            why = "%s is neither a folder nor a file." % path
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            why = "%s cannot be read by %s: %s." % (path, _user(), error.strerror)
        elif os.path.islink(path):
            why = "%s is a link that leads nowhere." % path
        else:
            why = "There is no %s." % path
    return {"path": path, "kind": kind, "why": why}


def examine_python(path: str) -> "Json":
    """What `interpreter` answers: whether `path` is a Python, which one, and if not, why."""
    import subprocess

    def no(why: str) -> "Json":
        return {"ok": False, "why": why, "python": path, "version": ""}

    if not os.path.exists(path):
        return no("There is no %s." % path)
    script = "import sys; print(sys.version.split()[0])"
    command = [path, "-I", "-S", "-c", script]
    try:
        asked = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
        )
    except OSError as error:
        return no("%s cannot be executed: %s." % (path, error.strerror))
    with asked:
        try:
            version = asked.communicate(timeout=10)[0].strip()
        except subprocess.TimeoutExpired:
            asked.kill()
            return no("%s did not answer within 10 s." % path)
    if asked.returncode or not version[:1].isdigit():
        return no("%s is not a Python interpreter." % path)
    return {"ok": True, "why": "", "python": os.path.realpath(path), "version": version}


def set_aside(path: str) -> None:
    """Remove an environment so that it is gone at once, also when we are killed meanwhile."""
    folder, key = os.path.split(path)
    if os.path.lexists(path):
        os.rename(path, part_of(os.path.join(folder, ".removed-" + key)))
    for entry in os.listdir(folder):
        if entry.startswith(".removed-%s." % key):
            remove_tree(os.path.join(folder, entry))


def remove_set_aside(root: str, tick: "Callable[[], None]") -> int:
    """Finish removals that were cut off: how many there were."""
    folder = os.path.join(root, "envs")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    names = [name for name in names if name.startswith(".removed-")]
    for name in names:
        with suppress(FileNotFoundError):  # another removes it at this moment
            remove_tree(os.path.join(folder, name), tick)
    return len(names)


def leftover_envs(root: str) -> "list[str]":
    """Folders of environments that were not built to the end; they may be in the making."""
    paths = env_paths(root)
    return [path for path in paths if not os.path.exists(os.path.join(path, "complete"))]


def env_paths(root: str) -> "list[str]":
    """The folders of all environments, whole or not."""
    folder = os.path.join(root, "envs")
    keys = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    paths = [os.path.join(folder, key) for key in keys if NAME.match(key)]
    return [path for path in paths if os.path.isdir(path)]


def envs_in_use(root: str, tick: "Callable[[], None]") -> "dict[str, list[str]]":
    """Which tasks may be executing in each environment, by its key; prepared ones count too."""
    used: "dict[str, list[str]]" = {}
    envs, tasks = os.path.join(root, "envs") + "/", os.path.join(root, "tasks")
    for name in sorted(os.listdir(tasks)) if os.path.isdir(tasks) else []:
        tick()
        task = Task(os.path.join(tasks, name))
        spec = task.read("spec.json")
        if spec is None or task.exited() is not None:
            continue
        states = task.states()
        if task.claimed() and not {"alive", "unknown"} & {states["keeper"], states["command"]}:
            continue
        for path in spec.get("path", []):
            if path.startswith(envs):
                key = path[len(envs) :].split("/")[0]
                used.setdefault(key, []).append(str(spec.get("task") or name))
    return used


def take_stock(root: str, tick: "Callable[[], None]") -> "Json":
    """What built environments take on the disk: a file that several share counts once in a sum."""
    users = envs_in_use(root, tick)
    all_of_them = Weight()
    envs = []
    for path in env_paths(root):
        weight = Weight()
        weight.add_tree(path, tick)
        all_of_them.add(weight)
        key = os.path.basename(path)
        env = {"key": key, "bytes": weight.bytes, "last_used": last_use(path)}
        whole = os.path.exists(os.path.join(path, "complete"))
        envs.append(dict(env, ready=whole, used_by=users.get(key, [])))
    envs_bytes = all_of_them.bytes
    all_of_them.add_tree(os.path.join(root, "uv-cache"), tick)
    return {
        "envs": envs,
        "bytes": all_of_them.bytes,
        "cache_bytes": all_of_them.bytes - envs_bytes,
    }


class Weight:
    """Room on the disk; a file with several names counts once."""

    def __init__(self) -> None:
        self._alone = 0
        self._shared: "dict[tuple[int, int], int]" = {}

    @property
    def bytes(self) -> int:
        """All of it."""
        return self._alone + sum(self._shared.values())

    def add(self, other: "Weight") -> None:
        """Put another's files to ours."""
        self._alone += other._alone
        self._shared.update(other._shared)

    def add_tree(self, top: str, tick: "Callable[[], None]") -> None:
        """Put all files below a folder to ours."""
        todo = [top]
        while todo:
            tick()
            try:
                entries = list(os.scandir(todo.pop()))
            except OSError:
                continue  # gone since the listing
            for entry in entries:
                with suppress(FileNotFoundError):
                    row = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(row.st_mode):
                        todo.append(entry.path)
                    self._add_row(row)

    def _add_row(self, row: os.stat_result) -> None:
        size = row.st_blocks * 512
        if row.st_nlink > 1 and not stat.S_ISDIR(row.st_mode):
            self._shared[(row.st_dev, row.st_ino)] = size
        else:
            self._alone += size


def trim_cache(root: str, wanted: int, tick: "Callable[[], None]") -> int:
    """Remove unpacked packages that no environment shares, oldest first: how many bytes went.

    What was unpacked within the last hour may be on its way into an environment, and stays.
    """
    folder = os.path.join(root, "uv-cache", "archive-v0")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    ages = sorted((os.stat(os.path.join(folder, name)).st_mtime, name) for name in names)
    freed = 0
    for unpacked_at, name in ages:
        path = os.path.join(folder, name)
        if freed >= wanted or time.time() - unpacked_at < 3600:
            break
        if any(found.row.st_nlink > 1 for found in walk(path)):
            continue
        weight = Weight()
        weight.add_tree(path, tick)
        remove_tree(path, tick)
        freed += weight.bytes
    return freed


BYTECODE = "BYTECODE."
"""What a list of bytecode is called, before the tag of the Python that it is for."""


def damaged_files(path: str, tick: "Callable[[], None]") -> "dict[str, list[str]]":
    """The files that are not what their packages' own lists of hashes say, by distribution.

    Of the bytecode we made those lists, when it was compiled.
    """
    damaged: "dict[str, list[str]]" = {}
    for folder in package_folders(path):
        top = os.path.join(path, folder)
        for name in distributions(top):
            for row in _hashes_of(os.path.join(top, name)):
                tick()
                if not _has_hash(os.path.join(top, row[0]), row[1]):
                    relative = os.path.normpath(os.path.join(folder, row[0]))
                    damaged.setdefault(name.split("-")[0], []).append(relative)
    return damaged


def distributions(top: str) -> "list[str]":
    """The folders, each with a RECORD, that describe the distributions installed into `top`."""
    names = sorted(name for name in os.listdir(top) if name.endswith(".dist-info"))
    return [name for name in names if os.path.exists(os.path.join(top, name, "RECORD"))]


def _hashes_of(folder: str) -> "Iterator[list[str]]":
    """The rows of all lists of hashes in the folder that describes a distribution."""
    for name in sorted(os.listdir(folder)):
        if name == "RECORD" or name.startswith(BYTECODE):
            for row in read_hashes(os.path.join(folder, name)):
                yield row


def read_hashes(path: str) -> "list[list[str]]":
    """The rows of a distribution's list that name a file and its hash."""
    import csv

    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return [row for row in rows if len(row) > 1 and row[1].startswith("sha256=")]


def _has_hash(path: str, wanted: str) -> bool:
    try:
        return hash_of(path) == wanted.rstrip("=")
    except OSError:
        return False


def hash_of(path: str) -> str:
    """The hash of a file as lists of distributions word it."""
    import base64
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            digest.update(piece)
    text = base64.urlsafe_b64encode(digest.digest()).decode("ascii")
    return "sha256=" + text.rstrip("=")


def damage_told(damaged: "dict[str, list[str]]") -> str:
    """Which files are not what was installed, as a sentence."""
    files = [path for paths in damaged.values() for path in paths]
    if not files:
        return ""
    said = "%d of its files do not have the hash that was noted of them, the first being %s."
    return said % (len(files), files[0])


def package_folders(path: str) -> "list[str]":
    """The folders, relative to `path`, that packages are installed into."""
    found = []
    for lib in ("lib", "lib64"):
        if os.path.islink(os.path.join(path, lib)) or not os.path.isdir(os.path.join(path, lib)):
            continue
        for name in sorted(os.listdir(os.path.join(path, lib))):
            folder = os.path.join(lib, name, "site-packages")
            if os.path.isdir(os.path.join(path, folder)):
                found.append(folder)
    return found


NEVER_CHANGES = "This environment is shared by runs and never changes"
STAND_IN_PIP = '''"""In the place of pip: says why nothing is installed here, and lists what is."""

import sys

TAKES_A_VALUE = ("-r", "--requirement", "-c", "--constraint", "-i", "--index-url",
                 "--extra-index-url", "-f", "--find-links", "-t", "--target", "--prefix")


def main(argv=None):
    words = sys.argv[1:] if argv is None else list(argv)
    named = [word for last, word in zip([""] + words, words)
             if not word.startswith("-") and last not in TAKES_A_VALUE]
    command, wanted = (named or [""])[0], named[1:]
    if command in ("list", "freeze"):
        from importlib.metadata import distributions

        lines = {"%s==%s" % (each.metadata["Name"], each.version) for each in distributions()}
        print("\\n".join(sorted(lines, key=str.lower)))
        return 0
    what = " ".join(wanted) if command == "install" and wanted else "what it lacks"
    sys.stderr.write("NEVER_CHANGES: pip does nothing here. Add %s to its requirements and submit "
                     "again.\\n" % what)
    return 1
'''.replace("NEVER_CHANGES", NEVER_CHANGES)
STAND_IN_UV = """#!/bin/sh
# In front of uv: lets it do everything but change this environment.
here=${0%/*} words= elsewhere=
for word in "$@"; do
  case $word in
    --target*|-t|--prefix*|--python*|-p) elsewhere=yes ;;
    -*) ;;
    *) words="$words$word " ;;
  esac
done
case $elsewhere$words in
  "pip install "*|"pip sync "*|"pip uninstall "*)
    what=${words#pip* * }
    set -f
    echo "NEVER_CHANGES: uv installs nothing here. Add" ${what:-what it lacks} \\
      "to its requirements and submit again." >&2
    exit 1 ;;
esac
IFS=:
for folder in $PATH; do
  if [ "$folder" != "$here" ] && [ -x "$folder/uv" ]; then exec "$folder/uv" "$@"; fi
done
echo "uv is not on this machine." >&2
exit 127
""".replace("NEVER_CHANGES", NEVER_CHANGES)
# pip says the value of a setting that it cannot understand, and ends: the way to a sentence
PIP_CONF = """# read by pip in this environment
[install]
progress-bar = NEVER_CHANGES: add what it lacks to its requirements and submit again.
[uninstall]
root-user-action = NEVER_CHANGES.
""".replace("NEVER_CHANGES", NEVER_CHANGES)


def put_guards(path: str) -> None:
    """See to it that whoever tries to install something into an environment is told in a sentence.

    A package that brings a pip or uv of its own keeps it: pip then reads the sentence from its
    configuration.
    """
    for folder in package_folders(path):
        module = os.path.join(path, folder, "pip")
        if os.path.exists(module):
            write_file(os.path.join(path, "pip.conf"), PIP_CONF.encode("utf-8"))
            continue
        os.makedirs(module)
        main = b"import sys\n\nfrom pip import main\n\nsys.exit(main())\n"
        write_file(os.path.join(module, "__init__.py"), STAND_IN_PIP.encode("utf-8"))
        write_file(os.path.join(module, "__main__.py"), main)
        script = '#!/bin/sh\nexec "${0%/*}/python" -m pip "$@"\n'
        for name in ("pip", "pip3"):
            put_script(os.path.join(path, "bin", name), script)
    put_script(os.path.join(path, "bin", "uv"), STAND_IN_UV)


def put_script(path: str, text: str) -> None:
    """Write a program unless there is one of that name."""
    if not os.path.lexists(path):
        write_file(path, text.encode("utf-8"))
        os.chmod(path, os.stat(path).st_mode | 0o111)  # noqa: S103  a program


BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""Where machines keep the authorities that they trust."""


class Build:
    """Makes one virtual environment at its final path; whole, or not there at all.

    It runs as the command of a task: what it prints is the build's log, its exit code the result.
    """

    def __init__(self, folder: str) -> None:
        order = read_json(os.path.join(folder, "build.json"))
        if order is None:
            raise Refusal("%s/build.json is missing or damaged." % folder)
        self._folder = folder
        self._order = order
        self._path = str(order["path"])

    def run(self) -> None:
        """Build it unless it is there; Refusal with the reason when that fails."""
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        lock = lock_file(self._path + ".lock")
        if lock is None:
            say("Another build makes the same environment: waiting for it.")
            lock = lock_file(self._path + ".lock", wait=True)
        if not env_fault(self._path):
            say("The environment %s is already built." % self._order["key"])
            return
        if os.path.lexists(self._path):
            say("Removing what an earlier build left: %s" % self._path)
        set_aside(self._path)
        if "conda" in self._order:
            self._make_by_conda(lock)
        else:
            self._make(lock)
        put_guards(self._path)
        self._complete()

    def _make_by_conda(self, lock: "int | None") -> None:
        file = os.path.join(self._folder, "environment.yml")
        write_file(file, self._order["conda"].encode("utf-8"))
        tool = self._order["tool"]
        name = os.path.basename(tool)
        words = ["create", "--yes"] if name == "micromamba" else ["env", "create"]
        cache = os.path.dirname(self._order["cache"])
        places = {
            "CONDA_PKGS_DIRS": os.path.join(cache, "conda-pkgs"),
            "MAMBA_ROOT_PREFIX": os.path.join(cache, "conda"),
        }
        what = "Installing the environment.yml with %s" % name
        argv = [tool, *words, "--prefix", self._path, "--file", file]
        step(what, argv, dict(os.environ, **places), [] if lock is None else [lock])
        if not os.access(os.path.join(self._path, "bin", "python"), os.X_OK):
            raise Refusal("The environment.yml brings no Python: add python=3.11 to it.")

    def _make(self, lock: "int | None") -> None:
        requirements = os.path.join(self._folder, "requirements.txt")
        write_file(requirements, self._order["requirements"].encode("utf-8"))
        base = self._order["python"]
        uv = Uv(self._order, self._trusted(), lock)
        more = ["--system-site-packages"] if self._order.get("system_packages") else []
        uv.do("Making the environment with %s" % base, "venv", "--python", base, *more, self._path)
        python = os.path.join(self._path, "bin", "python")
        link_mode = self._order.get("link_mode", "hardlink")
        sync = ["pip", "sync", "--python", python, "--require-hashes", "--link-mode", link_mode]
        sync += ["--allow-empty-requirements", requirements]
        bytecode = Bytecode(self._path, self._order["cache"])
        is_fresh = bool(self._order.get("fresh"))
        uv.do("Installing the locked packages", *sync, at_hand=not is_fresh)
        if is_fresh:
            bytecode.forget()
            self._mend(uv, sync)
        lacking = bytecode.lacking()
        if lacking:
            modules = bytecode.modules_of(lacking)
            if modules:
                self._compile(python, modules, lock)
            bytecode.keep(lacking, fresh=is_fresh)
        if self._order.get("smoke"):
            smoke = os.path.join(self._folder, "smoke.py")
            write_file(smoke, self._order["smoke"].encode("utf-8"))
            step("Trying it out", [python, "-I", smoke], dict(os.environ))

    def _compile(self, python: str, modules: "list[str]", lock: "int | None") -> None:
        """Give these modules their bytecode, on all processors that this process may use."""
        names = os.path.join(self._folder, "modules")
        write_file(names, b"\0".join(os.fsencode(path) for path in modules))
        argv = [python, "-I", "-S", "-W", "ignore", "-c", COMPILE, names, str(_cores())]
        step("Compiling their modules", argv, dict(os.environ), [] if lock is None else [lock])

    def _trusted(self) -> "dict[str, str]":
        """What has uv trust one more authority than this machine does."""
        authority = self._order.get("authority")
        if not authority:
            return {}
        own = b""
        for path in (os.environ.get("SSL_CERT_FILE", ""), *BUNDLES):
            if path and os.path.isfile(path):
                with open(path, "rb") as file:
                    own = file.read()
                break
        path = os.path.join(self._folder, "authorities.pem")
        write_file(path, own + b"\n" + authority.encode("utf-8"))
        return {"SSL_CERT_FILE": path}

    def _mend(self, uv: "Uv", sync: "list[str]") -> None:
        """Install anew what came damaged out of the cache, which somebody wrote into."""
        say("Comparing every file with its package's list of hashes")
        damaged = damaged_files(self._path, nothing)
        if not damaged:
            return
        say(damage_told(damaged))
        names = sorted(damaged)
        uv.do("Forgetting what the cache has of %s" % ", ".join(names), "cache", "clean", *names)
        again = [word for name in names for word in ("--reinstall-package", name)]
        uv.do("Installing them anew", *sync, *again)
        left = damage_told(damaged_files(self._path, nothing))
        if left:
            raise Refusal("The packages themselves are damaged. %s" % left)

    def _complete(self) -> None:
        files = rows_to_note(self._path)
        folders = [*package_folders(self._path), "bin"]
        entries = {name: sorted(os.listdir(os.path.join(self._path, name))) for name in folders}
        complete = {"key": self._order["key"], "files": files, "entries": entries}
        complete["built_at"] = time.time()
        write_json(os.path.join(self._path, "complete"), complete, durable=True)
        say("The environment %s is ready: %d files." % (self._order["key"], len(files)))


COMPILE = r"""
import os, py_compile, sys
with open(sys.argv[1], "rb") as file:
    modules = [os.fsdecode(path) for path in file.read().split(b"\0")]
workers = min(int(sys.argv[2]), len(modules) // 100 + 1)
share, next_one = 0, 0
while share + 1 < workers and not next_one:
    next_one = os.fork()
    share += not next_one
for path in modules[share::workers]:
    try:
        py_compile.compile(path, doraise=True)
    except py_compile.PyCompileError:
        pass  # a template, or meant for another Python
if next_one and os.waitpid(next_one, 0)[1]:
    sys.exit(1)
"""
"""Each process starts the next one, and has its share of the modules whose list it is given."""


class Bytecode:
    """The compiled modules of an environment, of which uv's cache gets a link beside the sources.

    What the next environment links out of the cache then has its bytecode with it. Python itself
    sees to it that bytecode counts for that Python and that source alone. A list in the folder of
    each distribution, as its RECORD is one, says that its bytecode is there, and has the hashes.
    """

    def __init__(self, path: str, cache: str) -> None:
        import subprocess

        self._path = path
        self._cache = cache
        tells = "import sys; print(sys.implementation.cache_tag)"
        argv = [os.path.join(path, "bin", "python"), "-I", "-S", "-c", tells]
        self._asked = subprocess.Popen(argv, stdout=subprocess.PIPE)  # answers while uv works
        self._tag = ""

    def lacking(self) -> "list[tuple[str, str]]":
        """The distributions that came without all of their bytecode."""
        return [one for one in self._installed() if not self._is_whole(*one)]

    def _is_whole(self, top: str, name: str) -> bool:
        """Whether all that its list names is there: another build may have just been sharing it."""
        try:
            rows = read_hashes(self._list(top, name))
        except OSError:
            return False
        return all(os.path.exists(os.path.join(top, row[0])) for row in rows)

    def modules_of(self, some: "list[tuple[str, str]]") -> "list[str]":
        """The modules of some distributions, the largest first."""
        found = [
            os.path.join(top, row[0]) for top, name in some for row in self._modules(top, name)
        ]
        return sorted(filter(os.path.exists, found), key=os.path.getsize, reverse=True)

    def forget(self) -> None:
        """Trust nothing that came out of the cache."""
        for top, name in self._installed():
            unlink(self._list(top, name))
            for _, compiled in self._modules(top, name):
                unlink(os.path.join(top, compiled))

    def keep(self, lacking: "list[tuple[str, str]]", *, fresh: bool) -> None:
        """List what was compiled and link it into the cache, `fresh` in the place of what is there.

        One build at a time: a list and what it lists come from one and the same.
        """
        lock = lock_file(os.path.join(self._cache, "bytecode.lock"), wait=True)
        for name in os.listdir(self._cache):
            if name.startswith("bytecode.") and name.endswith(".part"):
                unlink(os.path.join(self._cache, name))  # of a build that was killed right here
        archives = self._archives()
        for top, name in lacking:
            modules = self._modules(top, name)
            self._note(top, name, modules)
            for archive in archives.get(name, ()):
                if fresh or not self._is_whole(archive, name):
                    self._share(top, name, modules, archive)
        if lock is not None:
            os.close(lock)

    def _installed(self) -> "list[tuple[str, str]]":
        """Each distribution: what it is installed into, and the folder that describes it."""
        tops = [os.path.join(self._path, folder) for folder in package_folders(self._path)]
        return [(top, name) for top in tops for name in distributions(top)]

    def _modules(self, top: str, name: str) -> "list[tuple[str, str]]":
        """The modules of a distribution, as source and bytecode, relative to `top`.

        Without its tests: often half of it, to be linked each time, and runs import none of them.
        """
        found = []
        for row in read_hashes(os.path.join(top, name, "RECORD")):
            folder, module = os.path.split(row[0])
            if module.endswith(".py") and {"..", "tests"}.isdisjoint(folder.split("/")):
                compiled = "%s.%s.pyc" % (module[:-3], self._cache_tag())
                found.append((row[0], os.path.join(folder, "__pycache__", compiled)))
        return found

    def _note(self, top: str, name: str, modules: "list[tuple[str, str]]") -> None:
        """Write the list; what cannot be compiled is not in it."""
        import csv
        import io

        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        for _, compiled in modules:
            path = os.path.join(top, compiled)
            if os.path.exists(path):
                rows.writerow([compiled, hash_of(path), size_of(path)])
        write_file(self._list(top, name), text.getvalue().encode("utf-8"))

    def _share(self, top: str, name: str, modules: "list[tuple[str, str]]", archive: str) -> None:
        """Link all of a distribution beside the sources that are one file with ours, its list last.

        Where something is in the way it costs time the next time, and no more.
        """
        with suppress(OSError):
            for source, compiled in modules:
                ours, theirs = os.path.join(top, source), os.path.join(archive, source)
                if not os.path.samefile(ours, theirs):
                    return
                if os.path.exists(os.path.join(top, compiled)):
                    self._link(os.path.join(top, compiled), os.path.join(archive, compiled))
            self._link(self._list(top, name), self._list(archive, name))

    def _link(self, path: str, name: str) -> None:
        """Give a file one more name, in the place of whatever has that name; its folder is made.

        At once: a uv that is installing out of that folder meets nothing that is gone again.
        """
        with suppress(FileExistsError):
            os.mkdir(os.path.dirname(name))
        partial = part_of(os.path.join(self._cache, "bytecode"))
        os.link(path, partial)
        os.replace(partial, name)
        unlink(partial)  # it stays where both were one file already

    def _archives(self) -> "dict[str, list[str]]":
        """What is unpacked in the cache, by the folder that describes a distribution in it."""
        found: "dict[str, list[str]]" = {}
        top = os.path.join(self._cache, "archive-v0")
        for each in os.listdir(top) if os.path.isdir(top) else []:
            with suppress(OSError):  # gone since the listing
                for name in distributions(os.path.join(top, each)):
                    found.setdefault(name, []).append(os.path.join(top, each))
        return found

    def _list(self, top: str, name: str) -> str:
        return os.path.join(top, name, BYTECODE + self._cache_tag())

    def _cache_tag(self) -> str:
        if not self._tag:
            self._tag = self._asked.communicate()[0].decode("ascii").strip()
        return self._tag


class Uv:
    """The uv of a build; it holds the lock of the environment as long as it lives, even alone."""

    def __init__(self, order: "Json", trusted: "dict[str, str]", lock: "int | None") -> None:
        self._program = order.get("uv") or which("uv")
        self._cache = order["cache"]
        self._trusted = trusted
        self._held = [] if lock is None else [lock]

    def do(self, what: str, *arguments: str, at_hand: bool = False) -> None:
        """One step, said in the log with its time; Refusal when it fails.

        With `at_hand` no index is asked where the cache has all that is needed.
        """
        if not self._program:
            raise Refusal("uv is not on this target: install it, or put it on its user's PATH.")
        env = dict(os.environ, UV_CACHE_DIR=self._cache, UV_PYTHON_DOWNLOADS="never")
        env.update(self._trusted)
        argv = [self._program, "--color", "never", *arguments]
        step(what, argv, env, self._held, shortcut=["--offline"] if at_hand else [])


def step(
    what: str,
    argv: "list[str]",
    env: "dict[str, str]",
    held: "Iterable[int]" = (),
    shortcut: "Iterable[str]" = (),
) -> None:
    """One step of a build, said in the log with its time; Refusal when it fails.

    It is tried with the words of `shortcut` first, and nothing is said when it fails with them.
    """
    import subprocess

    say(what)
    began = time.monotonic()
    try:
        if not (shortcut and succeeds([*argv, *shortcut], env, held)):
            # in the root folder, as uv obeys any project above where it is started
            code = subprocess.call(argv, cwd="/", env=env, pass_fds=tuple(held))
            if code != 0:
                said = "%s failed: %s ended with %d. What it said stands above."
                raise Refusal(said % (what, os.path.basename(argv[0]), code))
    except OSError as error:
        raise Refusal("Cannot start %s: %s." % (argv[0], error.strerror)) from None
    say("Done in %.1f s" % (time.monotonic() - began))


def succeeds(argv: "list[str]", env: "dict[str, str]", held: "Iterable[int]") -> bool:
    """Whether a program ends well; what it says is in the log only then."""
    import subprocess

    done = subprocess.run(
        argv,
        cwd="/",
        env=env,
        pass_fds=tuple(held),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode == 0:
        say(done.stdout.decode("utf-8", "replace").rstrip("\n"))
    return done.returncode == 0


def say(sentence: str) -> None:
    """Put a line into the build's log, in order with what uv says."""
    print(sentence, flush=True)


# ------------------------------------------------------------------------------------------ main

USAGE = "usage: runner session ROOT [--blobs PATH] | watch ROOT | keep FOLDER | build FOLDER"


def main(argv: "list[str]") -> int:
    """Run one subcommand; its exit code. What each does is said in PROTOCOL.md."""
    try:
        return run(argv)
    except Hangup:
        return 0
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2


def run(argv: "list[str]") -> int:
    """Run one subcommand; Hangup when the other side ends it, Refusal when it cannot be done."""
    if argv[:1] == ["session"] and (len(argv) == 2 or (len(argv) == 4 and argv[2] == "--blobs")):
        Session(argv[1], argv[3] if len(argv) == 4 else None).serve()
    elif len(argv) == 2 and argv[0] == "watch":
        Watch(argv[1]).serve()
    elif len(argv) == 2 and argv[0] == "keep":
        return keep_in_front(argv[1])
    elif len(argv) == 2 and argv[0] == "build":
        Build(os.path.abspath(argv[1])).run()
    else:
        raise Refusal(USAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
