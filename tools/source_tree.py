"""What the house checks share: the project's files, their includes, and a cache keyed by content."""

import hashlib
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
# Beside the compiler's cache: what one clone has checked, the next need not check again.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "freshet"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def tracked_files():
    """Every file that git knows or would add, as paths relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in set(listing.split("\0")) if name and (ROOT / name).is_file())


def sources(*suffixes):
    """The project's own C++ files with one of the suffixes, below src/."""
    return [path for path in sorted(SOURCE.rglob("*")) if path.suffix in suffixes and path.is_file()]


def includes(path):
    """Paths that a file includes with quotes, as written (they are relative to src/)."""
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def latest_changes():
    """A function from path to rank: 0 for what is not committed yet, then the newest commits first."""
    def names(*command):
        listing = subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return [ROOT / name for name in listing.split("\0") if name]

    ranks = {}
    for path in names("log", "-z", "--format=", "--name-only"):
        ranks.setdefault(path, len(ranks) + 1)
    for path in names("ls-files", "-z", "--modified", "--others", "--exclude-standard"):
        ranks[path] = 0
    return lambda path: ranks.get(path, len(ranks) + 1)


class ContentHash:
    """Hash of a file and of all project headers it reaches; compiler and system headers are pinned by setup."""

    def __init__(self, salt):
        self._salt = salt.encode() + (ROOT / "scripts/packages.txt").read_bytes()
        self._own = {}
        self._reached = {}

    def reach(self, path):
        if path in self._reached:
            return self._reached[path]
        reached, stack = {path}, [path]
        while stack:
            for name in includes(stack.pop()):
                header = SOURCE / name
                if header.is_file() and header not in reached:
                    reached.add(header)
                    stack.append(header)
        self._reached[path] = reached
        return reached

    def of(self, path):
        digest = hashlib.sha256(self._salt)
        for each in sorted(self.reach(path)):
            if each not in self._own:
                self._own[each] = hashlib.sha256(each.read_bytes()).digest()
            digest.update(self._own[each])
        return digest.hexdigest()


class ResultCache:
    """Remembers which content hashes of a file passed, the latest few of each: <user's cache>/freshet/<name>.json."""

    HASHES_OF_A_FILE = 8

    def __init__(self, name):
        self._file = CACHE / f"{name}.json"
        self._passed = self._read()

    def has(self, path, content_hash):
        return content_hash in self._passed.get(str(path.relative_to(ROOT)), [])

    def add(self, path, content_hash):
        hashes = self._passed.setdefault(str(path.relative_to(ROOT)), [])
        hashes.insert(0, content_hash)
        del hashes[self.HASHES_OF_A_FILE:]

    def save(self):
        """Replaces the file whole. Of two clones that save at a time one may lose its news, and checks again."""
        CACHE.mkdir(parents=True, exist_ok=True)
        scratch = self._file.with_suffix(f".{os.getpid()}")
        scratch.write_text(json.dumps(self._passed, indent=0, sort_keys=True))
        scratch.replace(self._file)

    def _read(self):
        try:
            return json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
