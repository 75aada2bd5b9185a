#!/usr/bin/env python3
"""Holds every include below src/ to the layering of cmake/modules.cmake.

A module includes only itself and modules before it in FRESHET_LAYERS; the siblings (source, decode,
transform, sink) never include each other; and a module includes only what it links in src/CMakeLists.txt.
"""

import re
import sys

from source_tree import ROOT, SOURCE, includes, sources


def cmake_list(text, name):
    match = re.search(rf"set\({name}\s+([^)]*)\)", text)
    if match is None:
        sys.exit(f"check_layers: cmake/modules.cmake does not set {name}")
    return match.group(1).split()


def linked_modules(text):
    """module -> the modules named in DEPS of its freshet_module() call."""
    linked = {}
    for name, arguments in re.findall(r"freshet_module\((\w+)([^)]*)\)", text):
        words = arguments.split()
        inside, deps = False, set()
        for word in words:
            if word in ("DEPS", "LIBS", "PCH"):
                inside = word == "DEPS"
            elif inside:
                deps.add(word)
        linked[name] = deps
    return linked


def violations():
    rules = (ROOT / "cmake/modules.cmake").read_text()
    layers = cmake_list(rules, "FRESHET_LAYERS")
    siblings = set(cmake_list(rules, "FRESHET_SIBLINGS"))
    linked = linked_modules((ROOT / "src/CMakeLists.txt").read_text())
    for path in sources(".h", ".cc"):
        module = path.relative_to(SOURCE).parts[0]
        for include in includes(path):
            where = f"src/{path.relative_to(SOURCE)} includes {include}"
            target = include.split("/")[0]
            if "/" not in include or not (SOURCE / include).is_file():
                yield f"{where}: no such file below src/; includes are written from src/"
            elif target == module:
                continue
            elif target not in layers or module not in layers:
                yield f"{where}: {target if target not in layers else module} is not in FRESHET_LAYERS"
            elif layers.index(target) > layers.index(module):
                yield f"{where}: {target} is below {module} in the layering"
            elif target in siblings and module in siblings:
                yield f"{where}: {module} and {target} are siblings; they meet in pipeline through model"
            elif target not in linked.get(module, set()):
                yield f"{where}: {module} does not link {target} (DEPS in src/CMakeLists.txt)"


def main():
    found = list(violations())
    for line in found:
        print(line)
    print(f"layers: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
