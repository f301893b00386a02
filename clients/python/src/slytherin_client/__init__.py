"""Asks encrypted models through a slytherin gateway (Open Inference Protocol, KServe v2)."""

from .client import Answer, Client, ModelSummary
from .errors import GatewayError, GatewayUnreachableError, ProtocolError
from .tensors import ModelMetadata, TensorMetadata

__all__ = [
    "Answer",
    "Client",
    "GatewayError",
    "GatewayUnreachableError",
    "ModelMetadata",
    "ModelSummary",
    "ProtocolError",
    "TensorMetadata",
]
