"""This client and Triton's against a gateway that runs: `npm run test:gateway` starts one and says where it is, and what is right."""

from __future__ import annotations

import json
import os
import ssl
import threading
import unittest
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from slytherin_client import Client, GatewayError, GatewayUnreachableError

with open(os.environ["GATEWAY_CASES"], encoding="utf-8") as file:
    CASES: dict[str, Any] = json.load(file)

MODEL: str = CASES["model"]
SAMPLES: NDArray[np.float64] = np.array(CASES["samples"])
LOGITS: NDArray[np.float64] = np.array(CASES["logits"])
TOLERANCE: float = CASES["tolerance"]


def close(test: unittest.TestCase, logits: NDArray[Any], first: int = 0) -> None:
    expected = LOGITS[first : first + len(logits)]
    test.assertEqual(logits.shape, expected.shape)
    test.assertLess(float(np.abs(logits - expected).max()), TOLERANCE)


class TritonTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = triton.InferenceServerClient(urlsplit(CASES["url"]).netloc)
        self.addCleanup(self.client.close)
        # Calls add to the headers that they are given: each has its own.
        self.headers = {"Authorization": f"Bearer {CASES['token']}"}

    def test_knows_the_server_and_the_model(self) -> None:
        self.assertTrue(
            self.client.is_server_live() and self.client.is_server_ready() and self.client.is_model_ready(MODEL, headers=self.headers)
        )
        self.assertIn("binary_tensor_data", self.client.get_server_metadata(headers=self.headers)["extensions"])
        self.assertEqual(self.client.get_model_metadata(MODEL, headers=self.headers)["inputs"][0]["shape"], [-1, SAMPLES.shape[1]])
        self.assertEqual([one["name"] for one in self.client.get_model_repository_index(headers=self.headers)], [MODEL])

    def test_asks_in_binary_and_in_json(self) -> None:
        for binary, dtype in ((True, "FP32"), (False, "FP32"), (True, "FP64"), (True, "FP16")):
            rows = SAMPLES[:3].astype({"FP32": np.float32, "FP64": np.float64, "FP16": np.float16}[dtype])
            samples = triton.InferInput("input", list(rows.shape), dtype)
            samples.set_data_from_numpy(rows, binary_data=binary)
            wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("near_tie", "logits")]
            result = self.client.infer(MODEL, [samples], outputs=wanted, request_id="a-7", headers=dict(self.headers))
            self.assertEqual(result.get_response()["id"], "a-7")
            close(self, result.as_numpy("logits"))
            self.assertEqual(result.as_numpy("near_tie").dtype, np.bool_)
            self.assertIsNone(result.as_numpy("prediction"))

    def test_is_told_what_is_wrong(self) -> None:
        samples = triton.InferInput("input", [1, 7], "FP32")
        samples.set_data_from_numpy(np.zeros((1, 7), np.float32))
        with self.assertRaisesRegex(InferenceServerException, r"expected shape \[n, 30\]"):
            self.client.infer(MODEL, [samples], headers=dict(self.headers))
        with self.assertRaisesRegex(InferenceServerException, 'there is no model "nothing"'):
            self.client.infer("nothing", [samples], headers=dict(self.headers))


class ClientTest(unittest.TestCase):
    def test_asks_alone_many_at_once_and_more_than_a_query_takes(self) -> None:
        with Client(CASES["url"], token=CASES["token"]) as client:
            [model] = client.models()
            self.assertEqual(model.name, MODEL)
            count = model.batch + 3
            close(self, client.predict(MODEL, SAMPLES[:count]).logits)
        got: dict[int, NDArray[Any]] = {}

        def ask(k: int) -> None:
            with Client(CASES["url"], token=CASES["token"]) as own:
                got[k] = own.predict(MODEL, SAMPLES[k : k + 1], request_id=str(k)).logits

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for k in range(16):
            close(self, got[k], k)

    def test_is_let_in_over_mutual_tls_alone(self) -> None:
        secure = CASES["secure"]
        context = ssl.create_default_context(cafile=secure["authority"])
        with Client(secure["url"], context=context) as stranger, self.assertRaises(GatewayUnreachableError):
            stranger.models()
        context.load_cert_chain(secure["certificate"], secure["key"])
        with Client(secure["url"], context=context) as client:
            close(self, client.predict(MODEL, SAMPLES[:1]).logits)

    def test_has_what_its_token_is_bound_to(self) -> None:
        secure = CASES["secure"]
        context = ssl.create_default_context(cafile=secure["authority"])
        context.load_cert_chain(secure["certificate"], secure["key"])

        def status(token: str) -> tuple[int, str]:
            with Client(secure["url"], token=token, context=context) as client:
                try:
                    close(self, client.predict(MODEL, SAMPLES[:1]).logits)
                except GatewayError as error:
                    return error.status, error.kind
                return 200, ""

        tokens = secure["tokens"]
        self.assertEqual(status(tokens["once"]), (200, ""))
        self.assertEqual(status(tokens["once"]), (429, "quota-spent"))
        self.assertEqual(status(tokens["other"]), (403, "not-granted"))
        self.assertEqual(status("slyt_of_nobody"), (401, "unauthenticated"))


if __name__ == "__main__":
    unittest.main()
