"""Telling open pages and the monitor that something changed: hints that may be lost.

Publishing goes straight to Redis in the form of the channel layer, because a background
thread has no event loop to keep a layer's connections in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings
from django.db import transaction
from redis import Redis, RedisError

log = logging.getLogger(__name__)

LAYER_PREFIX = "runyard"
MONITOR = "runyard.monitor"
_RETRY_S = 1.0


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)


def push(groups: str | Sequence[str], message: Mapping[str, Any]) -> None:
    """Send a message to one or more channel groups once the transaction commits; may be lost."""
    names = (groups,) if isinstance(groups, str) else groups
    transaction.on_commit(lambda: _send(names, dict(message)))


def _send(groups: Sequence[str], message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        if isinstance(layer, RedisPubSubChannelLayer):
            _publish(groups, layer.serialize(message))
        elif layer is not None:
            for group in groups:
                async_to_sync(layer.group_send)(group, message)
    except (RedisError, OSError) as error:
        log.warning("a message to %s was lost: %s", ", ".join(groups), error)


def _publish(groups: Sequence[str], message: bytes) -> None:
    """All in one round trip, under the names that the layer itself gives to groups' channels.

    A test sends both ways.
    """
    pipe = _redis().pipeline(transaction=False)
    for group in groups:
        pipe.publish(f"{LAYER_PREFIX}__group__{group}", message)
    pipe.execute()


def hint_monitor(text: str) -> None:
    """Make the monitor look now instead of at its next sweep; may be lost."""
    transaction.on_commit(lambda: _hint(text))


def _hint(text: str) -> None:
    try:
        _redis().publish(MONITOR, text)
    except (RedisError, OSError) as error:
        log.warning("a hint to the monitor was lost: %s", error)


def listen_hints() -> Iterator[str]:
    """Hints as they come, for ever; silent while Redis is away."""
    while True:
        try:
            connection = Redis.from_url(settings.REDIS_URL)
            channel = connection.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            channel.subscribe(MONITOR)
            for message in channel.listen():
                yield message["data"].decode()
        except (RedisError, OSError):
            time.sleep(_RETRY_S)
