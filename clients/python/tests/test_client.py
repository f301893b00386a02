"""The client against a server that only pretends."""

from __future__ import annotations

import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from slytherin_client import Client, GatewayError, GatewayUnreachableError, ProtocolError
from slytherin_client.tensors import DTYPES, decode_response, encode_request


class Pretender(BaseHTTPRequestHandler):
    """Says what it is told to, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    said: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    asked: list[tuple[str, str, dict[str, str], bytes]] = []
    closes = False

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        Pretender.asked.append((self.command, self.path, headers, body))
        status, more, answer = Pretender.said
        self.send_response(status)
        for name, value in {**more, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)
        # As a server does that ends idle connections without a word.
        self.close_connection = Pretender.closes

    do_GET = _answer
    do_POST = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


def response(prediction: dict[str, Any], *sections: bytes) -> tuple[int, dict[str, str], bytes]:
    outputs = [
        prediction,
        {"name": "logits", "datatype": "FP64", "shape": [2, 1], "data": [[1.5], [-2.0]]},
        {"name": "values", "datatype": "FP64", "shape": [2, 1], "data": [[0.8], [0.1]]},
        {"name": "kind.values", "datatype": "FP64", "shape": [2, 1], "data": [[0.3], [0.2]]},
        {"name": "kind.prediction", "datatype": "INT64", "shape": [2], "data": [4, 5]},
        {"name": "near_tie", "datatype": "BOOL", "shape": [2], "parameters": {"binary_data_size": 2}},
    ]
    head = json.dumps({"model_name": "m", "model_version": "3", "outputs": outputs}).encode()
    return 200, {"Inference-Header-Content-Length": str(len(head))}, head + b"".join(sections) + b"\x00\x01"


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pretender)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        Pretender.asked = []
        Pretender.closes = False
        self.client = Client(f"http://127.0.0.1:{self.server.server_port}", token="slyt_x", timeout=30)

    def tearDown(self) -> None:
        self.client.close()
        self.server.shutdown()
        self.server.server_close()

    def test_sends_samples_as_binary_and_reads_every_kind_of_output(self) -> None:
        text = b"\x03\x00\x00\x00cat\x02\x00\x00\x00\xc3\xa4"
        prediction = {"name": "prediction", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(text)}}
        Pretender.said = response(prediction, text)
        answer = self.client.predict("a/b", np.array([[1, 2], [3, 4]], dtype=">f4"), version="3", request_id="q")
        self.assertEqual(answer.prediction.tolist(), ["cat", "ä"])
        self.assertEqual(answer.logits.tolist(), [[1.5], [-2.0]])
        self.assertEqual(answer.values.tolist(), [[0.8], [0.1]])
        self.assertEqual(answer.values_of["kind"].tolist(), [[0.3], [0.2]])
        self.assertEqual(answer.prediction_of["kind"].tolist(), [4, 5])
        self.assertEqual(answer.near_tie.tolist(), [False, True])
        self.assertEqual((answer.model, answer.version), ("m", "3"))
        [(method, path, headers, body)] = Pretender.asked
        self.assertEqual((method, path, headers["authorization"]), ("POST", "/v2/models/a%2Fb/versions/3/infer", "Bearer slyt_x"))
        length = int(headers["inference-header-content-length"])
        head = json.loads(body[:length])
        self.assertEqual(head["id"], "q")
        self.assertEqual(
            head["inputs"],
            [{"name": "input", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": 16}}],
        )
        self.assertEqual(np.frombuffer(body[length:], "<f4").tolist(), [1, 2, 3, 4])

    def test_raises_problems_with_what_they_say(self) -> None:
        problem = {
            "type": "urn:slytherin:problem:not-ready",
            "status": 503,
            "detail": "no evaluator",
            "error": "no evaluator",
            "missing": ["carol"],
        }
        Pretender.said = (503, {"Retry-After": "5"}, json.dumps(problem).encode())
        with self.assertRaises(GatewayError) as raised:
            self.client.predict("m", [[1.0]])
        error = raised.exception
        self.assertEqual((error.status, error.kind, error.detail, error.retry_after), (503, "not-ready", "no evaluator", 5.0))
        self.assertEqual(error.members, {"missing": ["carol"]})
        self.assertFalse(self.client.is_ready())
        Pretender.said = (502, {}, b"<html>")
        with self.assertRaises(GatewayError) as raised:
            self.client.models()
        self.assertEqual((raised.exception.kind, raised.exception.retry_after), ("unknown", None))

    def test_asks_for_what_there_is_once_more_on_a_connection_that_was_closed(self) -> None:
        Pretender.closes = True
        models = {"models": [{"name": "m", "versions": ["3", "2"], "owner": "company", "batch": 8}]}
        Pretender.said = (200, {}, json.dumps(models).encode())
        for _ in range(2):
            [model] = self.client.models()
            self.assertEqual((model.name, model.versions, model.owner, model.batch), ("m", ("3", "2"), "company", 8))
        metadata = {
            "name": "m",
            "versions": ["3"],
            "platform": "p",
            "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 2]}],
            "outputs": [],
        }
        Pretender.said = (200, {}, json.dumps(metadata).encode())
        self.assertEqual(self.client.metadata("m").inputs[0].shape, (-1, 2))

    def test_refuses_what_is_no_answer(self) -> None:
        prediction = {"name": "prediction", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}}
        status, headers, body = response(prediction, bytes(16))
        for wrong in (body[:-1], body + b"x", b"[]", b"{}", body[: body.index(b"{", 1)]):
            Pretender.said = (
                status,
                {**headers, "Inference-Header-Content-Length": str(min(len(wrong), int(headers["Inference-Header-Content-Length"])))},
                wrong,
            )
            with self.assertRaises(ProtocolError):
                self.client.predict("m", [[1.0]])
        with self.assertRaises(ProtocolError):
            decode_response(b"{}", 7)

    def test_says_when_there_is_no_gateway(self) -> None:
        self.server.server_close()
        client = Client("http://127.0.0.1:9", timeout=5)
        with self.assertRaises(GatewayUnreachableError):
            client.models()
        self.assertFalse(client.is_ready())


class TensorsTest(unittest.TestCase):
    def test_every_datatype_comes_back(self) -> None:
        for datatype, dtype in DTYPES.items():
            array = np.arange(6).reshape(2, 3).astype(dtype)
            body, length = encode_request({"input": array}, None)
            given = json.loads(body[:length])["inputs"][0]
            self.assertEqual(given["datatype"], datatype)
            head = json.dumps({"outputs": [given]}).encode()
            _, outputs = decode_response(head + body[length:], len(head))
            np.testing.assert_array_equal(outputs["input"], array)

    def test_inputs_by_name_stand_one_after_the_other(self) -> None:
        arrays = {"image": np.arange(8.0).reshape(2, 2, 2), "table": np.array([[1], [2]], dtype=np.int32)}
        body, length = encode_request(arrays, "q")
        head = json.loads(body[:length])
        self.assertEqual([(one["name"], one["shape"], one["datatype"]) for one in head["inputs"]], [("image", [2, 2, 2], "FP64"), ("table", [2, 1], "INT32")])
        _, outputs = decode_response(json.dumps({"outputs": head["inputs"]}).encode() + body[length:], len(json.dumps({"outputs": head["inputs"]}).encode()))
        for name, array in arrays.items():
            np.testing.assert_array_equal(outputs[name], array)

    def test_other_arrays_and_addresses_are_refused(self) -> None:
        for wrong in (np.array(["a"]), np.array([1j]), np.array([object()])):
            with self.assertRaises(TypeError):
                encode_request({"input": wrong}, None)
        for url in ("ftp://x", "127.0.0.1:8080", "http://x/v2", "https:///"):
            with self.assertRaises(ValueError):
                Client(url)


if __name__ == "__main__":
    unittest.main()
