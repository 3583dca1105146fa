"""The first words to a target: a program small enough for a command line, which fetches the runner.

`PYTHON -I -S -c LOADER ROOT SHA NONCE SUBCOMMAND [ARGUMENTS]` prints one line, `RUNYARD <nonce>
have` or `RUNYARD <nonce> send`. After `send` it takes an 8-byte big-endian length and the runner's
source from stdin, checks its SHA-256 and keeps it. Then stdin and stdout belong to the runner: not
one byte beyond the source has been read, as nothing here is buffered.
"""

LOADER = r"""
import os, sys
root, sha, nonce = sys.argv[1:4]
folder = os.path.join(os.path.abspath(os.path.expanduser(root)), "runner", sha)
path = os.path.join(folder, "runner.py")
have = os.path.exists(path)
os.write(1, ("RUNYARD %s %s\n" % (nonce, "have" if have else "send")).encode())
def read(size):
    data = b""
    while len(data) < size:
        piece = os.read(0, min(65536, size - len(data)))
        if not piece:
            sys.exit("The connection ended before the runner had arrived.")
        data += piece
    return data
if not have:
    import hashlib
    source = read(int.from_bytes(read(8), "big"))
    if hashlib.sha256(source).hexdigest() != sha:
        sys.exit("The runner that arrived is not the one that was announced.")
    os.makedirs(os.path.dirname(os.path.dirname(folder)), 0o700, exist_ok=True)
    os.makedirs(folder, exist_ok=True)
    part = "%s.%d.part" % (path, os.getpid())
    with open(part, "wb") as file:
        file.write(source)
        file.flush()
        os.fsync(file.fileno())
    os.rename(part, path)
sys.path.insert(0, folder)
import runner
sys.exit(runner.main(sys.argv[4:]))
"""
STARTER = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import runner; "
    "sys.exit(runner.main(sys.argv[1:]))"
)


def runner_argv(python: str, folder: str, *words: str) -> list[str]:
    """How a program is a kept runner, which lies in `folder`.

    It is imported, as the loader does it, so that its bytecode is used: to compile it takes longer
    than to start a container.
    """
    return [python, "-I", "-S", "-c", STARTER, folder, *words]
