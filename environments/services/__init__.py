"""Writing about environments and their builds."""

from environments.services.archiving import (
    delete_problem,
    environment_archive,
    environment_delete,
    version_archive,
    version_delete,
)
from environments.services.builds import (
    build_cancel,
    build_finished,
    build_folder,
    build_hidden,
    build_stop,
    builds_to_stop,
)
from environments.services.cleaning import (
    built_get,
    built_pin,
    built_remove,
    target_clean,
    targets_to_clean,
)
from environments.services.ensure import Building, EnvironmentState, Failed, Ready
from environments.services.environments import (
    definition_read,
    environment_bootstrap_curated,
    environment_create,
    environment_pick,
)
from environments.services.indexes import (
    index_credentials,
    index_remove,
    index_set,
    index_try,
)
from environments.services.labels import label_remove, label_set
from environments.services.orders import build_order, order_walk, orders_due
from environments.services.readiness import build_ensure
from environments.services.reading import Reading, environment_read
from environments.services.settling import build_settle
from environments.services.storing import build_store
from environments.services.updates import (
    update_apply,
    update_resolve,
    update_start,
    updates_due,
)

__all__ = [
    "Building",
    "EnvironmentState",
    "Failed",
    "Reading",
    "Ready",
    "build_cancel",
    "build_ensure",
    "build_finished",
    "build_folder",
    "build_hidden",
    "build_order",
    "build_settle",
    "build_stop",
    "build_store",
    "builds_to_stop",
    "built_get",
    "built_pin",
    "built_remove",
    "definition_read",
    "delete_problem",
    "environment_archive",
    "environment_bootstrap_curated",
    "environment_create",
    "environment_delete",
    "environment_pick",
    "environment_read",
    "index_credentials",
    "index_remove",
    "index_set",
    "index_try",
    "label_remove",
    "label_set",
    "order_walk",
    "orders_due",
    "target_clean",
    "targets_to_clean",
    "update_apply",
    "update_resolve",
    "update_start",
    "updates_due",
    "version_archive",
    "version_delete",
]
