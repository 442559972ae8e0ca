"""valkey-py: what is timed of redis-py, which it is a fork of."""

from inprofile.integrations._about import About
from inprofile.integrations._redis import patches

ABOUT = About("valkey", ">=6.2,<7", "as redis", "as redis")

PATCHES = patches("valkey", "Valkey")
