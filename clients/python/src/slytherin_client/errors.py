"""What can go wrong between a program and its gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class GatewayError(Exception):
    """The gateway's refusal, as problem details (RFC 9457)."""

    def __init__(self, status: int, kind: str, detail: str, members: Mapping[str, Any], retry_after: float | None) -> None:
        super().__init__(f"{kind} ({status}): {detail}")
        self.status = status
        #: What kind of problem: ``wrong-input``, ``quota-spent``, …
        self.kind = kind
        self.detail = detail
        #: Whatever else the gateway says of it, for example ``expected`` or ``missing``.
        self.members = members
        #: Seconds after which it is worth another try; None where it is not.
        self.retry_after = retry_after


class GatewayUnreachableError(Exception):
    """There is no gateway, or it went away before it answered."""


class ProtocolError(Exception):
    """What came is no answer of the Open Inference Protocol."""
