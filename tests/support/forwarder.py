"""A TCP forwarder on a port that stays the same while what is behind it comes, goes and moves."""

import selectors
import socket
import ssl
import threading


class Forwarder:
    """Listens on a free port of 127.0.0.1. target: (host, port) or None, which refuses whoever comes; with a
    certificate (and its key beside it) it speaks TLS to clients. One thread for each connection."""

    def __init__(self, target=None, certificate=None):
        self.target = target
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._open = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def point_to(self, target):
        """Who is connected now is cut off."""
        self.target = target
        with self._lock:
            for each in self._open:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has ended by itself

    def close(self):
        self._listener.close()
        self.point_to(None)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        sides = [client]
        try:
            target = self.target
            if target is None:
                return
            sides.append(socket.create_connection(target, timeout=10))
            with self._lock:
                self._open.update(sides)
            if self._tls:
                client = sides[0] = self._tls.wrap_socket(client, server_side=True)
            self._pump(*sides)
        except OSError:
            return
        finally:
            with self._lock:
                self._open.difference_update(sides)
            for each in sides:
                each.close()

    @staticmethod
    def _pump(client, server):
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    piece = key.fileobj.recv(65536)
                    if not piece:
                        return
                    key.data.sendall(piece)
                    while isinstance(key.fileobj, ssl.SSLSocket) and key.fileobj.pending():
                        key.data.sendall(key.fileobj.recv(65536))
