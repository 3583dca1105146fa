"""The few icons of the pages, drawn on a 16 x 16 grid with strokes in the text's colour."""

from __future__ import annotations

_SOLID = 'fill="currentColor" stroke="none"'
_RING = '<circle cx="8" cy="8" r="6"/>'

ICONS = {
    "queued": f'{_RING}<path d="M8 4.8V8l2.2 1.6"/>',
    "preparing": '<circle cx="8" cy="8" r="6" stroke-dasharray="2.6 2.1"/>',
    "starting": f'{_RING}<path d="M8 2a6 6 0 0 1 0 12z" {_SOLID}/>',
    "running": f'{_RING}<circle class="pulse" cx="8" cy="8" r="2.6" {_SOLID}/>',
    "finalizing": f'{_RING}<path d="M8 4.8v5.4M5.6 8 8 10.4 10.4 8"/>',
    "completed": f'{_RING}<path d="m5.4 8.2 1.8 1.8 3.4-3.8"/>',
    "failed": '<path d="M5.3 2h5.4L14 5.3v5.4L10.7 14H5.3L2 10.7V5.3zM6 6l4 4m0-4-4 4"/>',
    "canceled": f'{_RING}<path d="m4 12 8-8"/>',
    "ready": f'{_RING}<path d="m5.4 8.2 1.8 1.8 3.4-3.8"/>',
    "unreachable": '<path d="M8 2.2 14.4 13.4H1.6z"/><path d="M8 6.4v3.2M8 11.4v.1"/>',
    "faulty": '<path d="M8 2.2 14.4 13.4H1.6z"/><path d="M8 6.4v3.2M8 11.4v.1"/>',
    "unknown": '<circle cx="8" cy="8" r="6" stroke-dasharray="1 2.4"/>',
    "find": '<circle cx="7" cy="7" r="4.4"/><path d="m10.4 10.4 3.4 3.4"/>',
    "paused": f'{_RING}<path d="M6.4 5.6v4.8M9.6 5.6v4.8"/>',
    "draining": f'{_RING}<path d="M5.4 7.2h5.2M6.4 9.6h3.2"/>',
    "good": '<path d="m3 8.5 3.2 3.2L13 4.8"/>',
    "warning": '<path d="M8 2.2 14.4 13.4H1.6z"/><path d="M8 6.4v3.2M8 11.4v.1"/>',
    "hint": f'{_RING}<path d="M8 7.4v3.4M8 5.1v.1"/>',
    "file": '<path d="M4 1.8h5.2L12.4 5v9.2H4z"/><path d="M9 2v3.2h3.2"/>',
}
