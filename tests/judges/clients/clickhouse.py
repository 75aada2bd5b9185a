"""The ClickHouse engine in a process of its own: a statement per line in, its result as one line of JSON out.

    clickhouse.py LIBRARY DIRECTORY
"""

import ctypes
import json
import os
import sys


def load(path):
    library = ctypes.CDLL(path)
    text, size, handle = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p
    library.chdb_connect.restype = ctypes.POINTER(handle)
    library.chdb_connect.argtypes = [ctypes.c_int, ctypes.POINTER(text)]
    library.chdb_query_n.restype = handle
    library.chdb_query_n.argtypes = [handle, text, size, text, size]
    library.chdb_result_buffer.restype = handle
    library.chdb_result_length.restype = size
    library.chdb_result_error.restype = text
    for function in (library.chdb_result_buffer, library.chdb_result_length, library.chdb_result_error,
                     library.chdb_destroy_query_result):
        function.argtypes = [handle]
    return library


def query(library, connection, sql):
    result = library.chdb_query_n(connection, sql.encode(), len(sql.encode()), b"JSONCompact", 11)
    try:
        if error := library.chdb_result_error(result):
            return {"error": error.decode(errors="replace")[:2000]}
        size = library.chdb_result_length(result)
        answer = ctypes.string_at(library.chdb_result_buffer(result), size) if size else b'{"data": []}'
        return {"rows": json.loads(answer)["data"]}
    finally:
        library.chdb_destroy_query_result(result)


def main():
    library = load(sys.argv[1])
    words = [b"clickhouse", f"--path={os.path.abspath(sys.argv[2])}".encode()]
    opened = library.chdb_connect(len(words), (ctypes.c_char_p * len(words))(*words))
    if not opened:
        sys.exit("the engine does not open its directory")
    for line in sys.stdin:
        print(json.dumps(query(library, opened[0], line.strip())), flush=True)
    os._exit(0)  # the engine's threads do not wait to be asked


if __name__ == "__main__":
    main()
