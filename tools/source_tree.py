"""What the house checks share: the project's files, their includes, and a cache keyed by content."""

import hashlib
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
CACHE = ROOT / ".cache"
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
    """Hash of a file and of all project headers it reaches; system headers are pinned by setup."""

    def __init__(self, salt):
        self._salt = salt
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
        digest = hashlib.sha256(self._salt.encode())
        for each in sorted(self.reach(path)):
            if each not in self._own:
                self._own[each] = hashlib.sha256(each.read_bytes()).digest()
            digest.update(self._own[each])
        return digest.hexdigest()


class ResultCache:
    """Remembers which file passed with which content hash: .cache/<name>.json."""

    def __init__(self, name):
        self._file = CACHE / f"{name}.json"
        try:
            self._passed = json.loads(self._file.read_text())
        except (OSError, ValueError):
            self._passed = {}

    def has(self, path, content_hash):
        return self._passed.get(str(path.relative_to(ROOT))) == content_hash

    def add(self, path, content_hash):
        self._passed[str(path.relative_to(ROOT))] = content_hash

    def save(self):
        CACHE.mkdir(exist_ok=True)
        scratch = self._file.with_suffix(".new")
        scratch.write_text(json.dumps(self._passed, indent=0, sort_keys=True))
        scratch.replace(self._file)
