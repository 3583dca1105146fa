"""What is known of a target, as text: its facts, and what is built on it."""

from __future__ import annotations

from studio.client.progress import size_text
from studio.client.table import facts, moment, table

TYPE_CHECKING = False  # importing typing would cost the command a tenth of its start
if TYPE_CHECKING:
    from typing import Any

_GIB = 1024**3


def in_short(found: dict[str, Any]) -> str:
    """What a test has found, in one line."""
    engine = f"Docker {found['engine']['version']}, " if "engine" in found else ""
    cores = "1 core" if found["cores"] == 1 else f"{found['cores']} cores"
    return f"{found['hostname']}, {engine}{cores}, Python {found['python_version']}"


def told(target: dict[str, Any]) -> str:
    """Everything about one target."""
    taken = f"{target['busy']} of {target['slots']} taken, {target['queued']} waiting"
    room = target["environments_gib"]
    settings = [(name, value) for name, value in sorted(target["config"].items())]
    return facts(
        [
            ("name", target["name"]),
            ("kind", target["kind"]),
            ("health", _health(target)),
            ("slots", taken),
            ("build slots", target["build_slots"]),
            ("gpus", ", ".join(target["gpus"])),
            ("environments", f"{room} GiB at most" if room else "no bound"),
            *settings,
            *_machine(target["facts"]),
        ]
    )


def environments(shelf: dict[str, Any]) -> str:
    """What is built on a target, what was asked for, and the room that it takes."""
    rows = [
        (
            e["environment"] or "",
            e["key"][:12],
            e["state"],
            "pinned" if e["pinned"] else "",
            "" if e["bytes"] is None else size_text(e["bytes"]),
            moment(e["used_at"]),
            e["fault"],
        )
        for e in shelf["environments"]
    ]
    header = ("environment", "key", "state", "kept", "size", "last used", "fault")
    lines = [table(header, rows)] if rows else ["nothing is built there"]
    return "\n".join([*lines, *map(_order, shelf["orders"]), *map(_room, shelf["room"])])


def _order(order: dict[str, Any]) -> str:
    by = f" by {order['by']}" if order["by"] else ""
    return f"{order['environment']}: asked for{by}, {order['error'] or 'not begun'}"


def _room(room: dict[str, Any]) -> str:
    taken, bound = room["bytes"] / _GIB, room["bound_bytes"] // _GIB
    of = f" of {bound} GiB" if bound else " GiB"
    return f"{room['kind']}s take {taken:.1f}{of}, {size_text(room['cache_bytes'])} of it cached"


def _health(target: dict[str, Any]) -> str:
    state = target["health"] if target["enabled"] else f"disabled, {target['health']}"
    last = target.get("health_changes") or []
    since = f" since {moment(last[0]['at'])}" if last else ""
    return "\n".join(filter(None, [state + since, target["health_reason"]]))


def _machine(found: dict[str, Any]) -> list[tuple[str, object]]:
    """What the last test has found there."""
    if not found:
        return [("machine", "not tested yet")]
    engine = found.get("engine") or {}
    return [
        ("host", found.get("hostname")),
        ("engine", _engine(engine)),
        ("system", engine.get("system") or found.get("platform")),
        ("platform", engine.get("platform") or found.get("machine")),
        ("cores", found.get("cores")),
        ("memory", _size(found.get("memory_bytes"))),
        ("disk free", _size(found.get("disk_free_bytes"))),
        ("python", found.get("python_version")),
        ("missing", "\n".join(found.get("lacks") or [])),
        ("hints", "\n".join(found.get("hints") or [])),
    ]


def _engine(engine: dict[str, Any]) -> str:
    if not engine:
        return ""
    parts = [f"Docker {engine['version']}", f"API {engine['api']}", engine.get("storage", "")]
    parts += [f"control groups v{engine['cgroup']}"] if engine.get("cgroup") else []
    parts += [f"live restore {'on' if engine.get('live_restore') else 'off'}"]
    parts += ["rootless"] if engine.get("rootless") else []
    parts += [f"runtimes {' '.join(engine.get('runtimes') or [])}"]
    return ", ".join(filter(None, parts))


def _size(count: object) -> str:
    return size_text(count) if isinstance(count, int | float) else ""
