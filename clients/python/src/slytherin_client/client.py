"""A client of a slytherin gateway."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import GatewayError, GatewayUnreachableError, ProtocolError
from .tensors import ModelMetadata, decode_metadata, decode_object, decode_response, encode_request

HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class ModelSummary:
    name: str
    #: Revisions that may be asked, newest first.
    versions: tuple[str, ...]
    #: The party that has put it up.
    owner: str
    #: Samples that share one query.
    batch: int


@dataclass(frozen=True)
class Answer:
    """What a model says of samples: a row for each."""

    #: Classes, flags or values, as the model's task says.
    prediction: NDArray[Any]
    logits: NDArray[np.float64]
    #: Where the error of the computation could have turned the prediction.
    near_tie: NDArray[np.bool_]
    model: str
    version: str
    #: What the model's last operator gives: probabilities, or numbers.
    values: NDArray[np.float64]
    #: Of a model with several outputs: what each gives, by its name, and what that means.
    values_of: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    prediction_of: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Client:
    """A connection to a gateway, for one thread; opened when it is needed, and kept open.

    :param url: of the gateway, for example ``http://127.0.0.1:8080``
    :param token: where the gateway asks for one (``slytherin token create``)
    :param timeout: seconds that an answer may take
    :param context: of TLS: other authorities, or a certificate of one's own
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 300.0, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None or parts.path.strip("/"):
            raise ValueError(f"expected http(s)://host[:port], got {url!r}")
        if context is not None and parts.scheme != "https":
            raise ValueError(f"a TLS context takes https://, got {url!r}")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def is_ready(self) -> bool:
        """Whether the party behind the gateway runs and reaches its evaluator."""
        try:
            self._request("GET", "/v2/health/ready")
        except (GatewayError, GatewayUnreachableError):
            return False
        return True

    def models(self) -> list[ModelSummary]:
        """Models that this client may ask. Raises GatewayError, GatewayUnreachableError."""
        body, _ = self._request("GET", "/v2/models")
        try:
            return [
                ModelSummary(one["name"], tuple(one["versions"]), one["owner"], int(one["batch"])) for one in decode_object(body)["models"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError("expected a list of models") from error

    def metadata(self, model: str, *, version: str | None = None) -> ModelMetadata:
        """Inputs and outputs of a model. Raises GatewayError, GatewayUnreachableError."""
        body, _ = self._request("GET", _path(model, version))
        return decode_metadata(body)

    def predict(self, model: str, samples: ArrayLike | Mapping[str, ArrayLike], *, version: str | None = None, request_id: str | None = None) -> Answer:
        """Asks a model.

        :param samples: samples first, as the network reads them: ``[n, …]``, real numbers; by name for a model with several inputs
        :param version: a revision; the newest without
        :returns: a row for each sample
        :raises GatewayError: with what was expected, or when to come again
        :raises GatewayUnreachableError: when there is no gateway; whether the query was asked is not known then
        :raises TypeError: for an array of something else than real numbers
        """
        named = samples if isinstance(samples, Mapping) else {"input": samples}
        body, length = encode_request({name: np.asarray(array) for name, array in named.items()}, request_id)
        headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(length)}
        answer, answered = self._request("POST", f"{_path(model, version)}/infer", body, headers)
        given = answered.get(HEADER_LENGTH.lower())
        head, outputs = decode_response(answer, None if given is None else int(given))
        try:
            return Answer(
                prediction=outputs["prediction"],
                logits=outputs["logits"],
                near_tie=outputs["near_tie"],
                model=head["model_name"],
                version=head["model_version"],
                values=outputs["values"],
                values_of=_ending(outputs, ".values"),
                prediction_of=_ending(outputs, ".prediction"),
            )
        except KeyError as error:
            raise ProtocolError(f"the response lacks {error}") from error

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, dict[str, str]]:
        # An idle connection may have been closed meanwhile: what changes nothing is sent once more.
        for again in (method == "GET", False):
            try:
                self._connection.request(method, path, body, {**self._headers, **(headers or {})})
                response = self._connection.getresponse()
                answer = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if not again:
                    raise GatewayUnreachableError(f"{self.url} does not answer: {error or type(error).__name__}") from error
        answered = {name.lower(): value for name, value in response.getheaders()}
        if response.status >= 300:
            raise _problem(response.status, answer, answered)
        return answer, answered


def _ending(outputs: Mapping[str, NDArray[Any]], ending: str) -> dict[str, NDArray[Any]]:
    return {name.removesuffix(ending): array for name, array in outputs.items() if name.endswith(ending)}


def _path(model: str, version: str | None) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return path if version is None else f"{path}/versions/{quote(version, safe='')}"


def _problem(status: int, body: bytes, headers: Mapping[str, str]) -> GatewayError:
    try:
        problem = json.loads(body)
        if not isinstance(problem, dict):
            raise ValueError
    except ValueError:
        problem = {}
    kind = str(problem.get("type", "unknown")).rpartition(":")[2]
    detail = str(problem.get("detail", problem.get("title", "no reason was given")))
    members = {name: value for name, value in problem.items() if name not in ("type", "title", "status", "detail", "error")}
    after = headers.get("retry-after", "")
    return GatewayError(status, kind, detail, members, float(after) if after.isdigit() else None)
