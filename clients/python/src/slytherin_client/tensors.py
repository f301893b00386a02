"""Requests and responses with the binary tensor extension: JSON, and behind it the bytes of tensors, little-endian."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ProtocolError

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"{'U' if kind == 'u' else ''}INT{8 * size}": np.dtype(f"<{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}


@dataclass(frozen=True)
class TensorMetadata:
    name: str
    datatype: str
    #: -1 for what a request says.
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelMetadata:
    name: str
    versions: tuple[str, ...]
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


def encode_request(arrays: Mapping[str, NDArray[Any]], request_id: str | None) -> tuple[bytes, int]:
    """The body of a request with inputs by name, and how many bytes of it are JSON.

    Raises TypeError for an array that holds no real numbers.
    """
    inputs: list[dict[str, Any]] = []
    data = b""
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        datatype = next((known for known, dtype in DTYPES.items() if dtype == little.dtype), None)
        if datatype is None:
            raise TypeError(f"expected an array of {', '.join(str(dtype) for dtype in DTYPES.values())}, got {array.dtype}")
        values = little.tobytes()
        inputs.append({"name": name, "shape": list(array.shape), "datatype": datatype, "parameters": {"binary_data_size": len(values)}})
        data += values
    head: dict[str, Any] = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    if request_id is not None:
        head["id"] = request_id
    text = json.dumps(head).encode()
    return text + data, len(text)


def decode_response(body: bytes, header_length: int | None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The JSON of a response, and its outputs by name. Raises ProtocolError."""
    length = len(body) if header_length is None else header_length
    if not 0 <= length <= len(body):
        raise ProtocolError(f"expected at most {len(body)} bytes of JSON, got {length}")
    head = _object(body[:length])
    outputs: dict[str, NDArray[Any]] = {}
    offset = length
    try:
        for output in head["outputs"]:
            name, datatype, shape = str(output["name"]), str(output["datatype"]), [int(size) for size in output["shape"]]
            size = output.get("parameters", {}).get("binary_data_size")
            if size is None:
                flat = np.array(output["data"], dtype=object if datatype == "BYTES" else DTYPES[datatype])
            else:
                if not isinstance(size, int) or not 0 <= size <= len(body) - offset:
                    raise ProtocolError(f"output {name}: {size} bytes, and {len(body) - offset} are left")
                flat = _elements(body[offset : offset + size], datatype)
                offset += size
            outputs[name] = flat.reshape(shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("the response's outputs are not what the protocol says") from error
    if offset != len(body):
        raise ProtocolError(f"expected {offset} bytes, got {len(body)}")
    return head, outputs


def _elements(data: bytes, datatype: str) -> NDArray[Any]:
    if datatype != "BYTES":
        return np.frombuffer(data, dtype=DTYPES[datatype]).copy()
    texts: list[str] = []
    offset = 0
    while offset < len(data):
        if len(data) - offset < 4:
            raise ProtocolError("a text without its length")
        (size,) = struct.unpack_from("<I", data, offset)
        offset += 4
        if size > len(data) - offset:
            raise ProtocolError("a text that is cut")
        texts.append(data[offset : offset + size].decode())
        offset += size
    return np.array(texts, dtype=object)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise ProtocolError("expected JSON") from error
    if not isinstance(value, dict):
        raise ProtocolError("expected a JSON object")
    return value


def decode_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises ProtocolError."""
    return _object(body)


def decode_metadata(body: bytes) -> ModelMetadata:
    """Raises ProtocolError."""
    value = _object(body)
    try:

        def tensors(key: str) -> tuple[TensorMetadata, ...]:
            return tuple(TensorMetadata(one["name"], one["datatype"], tuple(one["shape"])) for one in value[key])

        return ModelMetadata(value["name"], tuple(value["versions"]), tensors("inputs"), tensors("outputs"))
    except (KeyError, TypeError) as error:
        raise ProtocolError("expected the metadata of a model") from error
