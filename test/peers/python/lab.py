"""The lab's service on C-core (Debian's python3-grpcio), as server and as client, with bytes for messages.

lab.py serve            prints its port, serves until it is ended
lab.py call ADDRESS     makes calls of every kind and prints what it saw as one line of JSON
"""

import json
import queue
import sys
import threading
from concurrent import futures

import grpc

SERVICE = "/lab.v1.LabService/"
FAILURE = "nobody — привет 100%"
LONG_BYTES = 512 * 1024
ECHOED = ("x-text", "x-raw-bin")
# Long enough for a machine that is busy; nothing waits for it when all is well.
CALL_SECONDS = 15


def name_of(prefix, key):
    return prefix + key[2:]


class Lab(grpc.GenericRpcHandler):
    def __init__(self):
        self.cancelled = queue.Queue()
        self.methods = {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Hold": grpc.unary_unary_rpc_method_handler(self.hold),
            "Cancelled": grpc.unary_unary_rpc_method_handler(self.wait_cancelled),
            "List": grpc.stream_stream_rpc_method_handler(self.list),
            "Gather": grpc.stream_stream_rpc_method_handler(self.gather),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }

    def service(self, details):
        return self.methods.get(details.method[len(SERVICE) :])

    def echo(self, request, context):
        sent = [(key, value) for key, value in context.invocation_metadata() if key in ECHOED]
        context.send_initial_metadata([(name_of("head-", key), value) for key, value in sent])
        context.set_trailing_metadata([(name_of("trail-", key), value) for key, value in sent])
        return request

    def fail(self, _request, context):
        context.set_trailing_metadata([("x-why", "empty")])
        context.abort(grpc.StatusCode.NOT_FOUND, FAILURE)

    def hold(self, _request, context):
        gone = threading.Event()
        if not context.add_callback(gone.set):
            gone.set()
        gone.wait(CALL_SECONDS)
        self.cancelled.put(b"CANCELLED")
        return b""

    def wait_cancelled(self, _request, _context):
        return self.cancelled.get(timeout=CALL_SECONDS)

    def list(self, requests, _context):
        count, size = (int(number) for number in next(requests).split(b" "))
        for _ in range(count):
            yield b"l" * size

    def gather(self, requests, _context):
        count = 0
        size = 0
        for request in requests:
            count += 1
            size += len(request)
        yield b"%d %d" % (count, size)

    def chat(self, requests, _context):
        yield from requests


def serve():
    # A thread for each call that may be open at a time.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=128), compression=grpc.Compression.Gzip)
    server.add_generic_rpc_handlers((Lab(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


class Caller:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)

    def unary(self, method):
        return self.channel.unary_unary(SERVICE + method)

    def stream(self, method):
        return self.channel.stream_stream(SERVICE + method)

    def metadata(self):
        metadata = (("x-text", "some text"), ("x-raw-bin", bytes([0, 255, 44, 10])))
        _, call = self.unary("Echo").with_call(b"hi", metadata=metadata, timeout=CALL_SECONDS)
        seen = dict(call.initial_metadata()) | dict(call.trailing_metadata())
        return {key: list(value) if key.endswith("-bin") else value for key, value in seen.items()}

    def server_stream(self, size=1000):
        received = [len(message) for message in self.stream("List")(iter([b"20 %d" % size]), timeout=CALL_SECONDS)]
        return [len(received), sum(received)]

    def client_stream(self, size=1000):
        (answer,) = self.stream("Gather")((b"g" * size for _ in range(20)), timeout=CALL_SECONDS)
        return answer.decode()

    def conversation(self):
        said = queue.Queue()
        answers = self.stream("Chat")(iter(said.get, None), timeout=CALL_SECONDS)
        heard = []
        for text in (b"one", b"two", b"three"):
            said.put(text)
            heard.append(next(answers).decode())
        said.put(None)
        return heard + [message.decode() for message in answers]

    def failure(self):
        try:
            self.unary("Fail")(b"", timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return [error.code().name, error.details(), dict(error.trailing_metadata()).get("x-why")]
        return None

    def missing(self):
        try:
            self.unary("Missing")(b"", timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return error.code().name
        return None

    def deadline(self):
        gone = self.unary("Cancelled").future(b"", timeout=CALL_SECONDS)
        try:
            self.unary("Hold")(b"", timeout=0.2)
        except grpc.RpcError as error:
            return [error.code().name, gone.result().decode()]
        return None

    def cancelling(self):
        gone = self.unary("Cancelled").future(b"", timeout=CALL_SECONDS)
        held = self.unary("Hold").future(b"", timeout=CALL_SECONDS)
        # Answered after the held call was sent.
        self.unary("Echo")(b"", timeout=CALL_SECONDS)
        held.cancel()
        return gone.result().decode()

    def long_messages(self):
        body = bytes(range(256)) * (LONG_BYTES // 256)
        same = self.unary("Echo")(body, timeout=CALL_SECONDS) == body
        return [same, self.server_stream(LONG_BYTES), self.client_stream(LONG_BYTES)]

    def compressed(self):
        body = b"a" * 20000
        call = self.channel.unary_unary(SERVICE + "Echo")
        return call(body, timeout=CALL_SECONDS, compression=grpc.Compression.Gzip) == body

    def several(self):
        bodies = [bytes([at % 256]) * (at * 997) for at in range(100)]
        calls = [self.unary("Echo").future(body, timeout=CALL_SECONDS) for body in bodies]
        return sum(call.result() == body for call, body in zip(calls, bodies))

    def sequence(self):
        call = self.unary("Echo")
        return sum(call(b"hi", timeout=CALL_SECONDS) == b"hi" for _ in range(1000))


CASES = (
    "metadata",
    "server_stream",
    "client_stream",
    "conversation",
    "failure",
    "missing",
    "deadline",
    "cancelling",
    "long_messages",
    "several",
    "sequence",
    # Last: the server knows the wire's bytes of the last call alone.
    "compressed",
)


def call(address):
    caller = Caller(address)
    seen = {}
    for case in CASES:
        try:
            seen[case] = getattr(caller, case)()
        except Exception as error:  # The test shows it beside what it wanted.
            seen[case] = repr(error)
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        call(sys.argv[2])
