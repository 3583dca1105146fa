#!/usr/bin/env python
"""The one door to the application's commands."""

import gc
import os
import sys

if __name__ == "__main__":
    # What is imported stays: with Python's own 700, the collector looks through all of it dozens
    # of times while it grows, which is a sixth of a start. A start makes 100,000 objects.
    gc.set_threshold(200_000)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # a wrong setting is a sentence, not a traceback
        sys.exit(str(error))
