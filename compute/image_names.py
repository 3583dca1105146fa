"""What we call things of images. It stands apart from what speaks with engines: most processes
need only the words, and the SDK takes as long to import as a quarter of the studio.
"""

from __future__ import annotations

BUILT = "runyard/env"
"""The repository of the images that we make; the tag is the key of what is in them."""
PASSING = "runyard/passing"
"""The repository of images that have been made and not got their key's name yet."""
INSIDE = "/opt/runyard"
"""Where our folder lies in an image that we make."""
ENVIRONMENT = f"{INSIDE}/env"
"""Where its virtual environment lies."""
REGISTRY_LOGIN = "RUNYARD_REGISTRY_LOGIN"
"""The variable that carries a registry's login to the program that has an image pulled."""
