"""How Django itself writes times, in the admin console: as pages of ours do, to the second."""

DATETIME_FORMAT = "Y-m-d H:i:s"
