"""redis-py: commands, pipelines, messages, connecting, and waiting for a pool's connection."""

from inprofile.integrations._about import About
from inprofile.integrations._redis import patches

ABOUT = About(
    "redis",
    ">=5.1,<9",
    "`cache`: commands, pipelines and transactions (one operation each), waiting for pub/sub"
    " messages, connect; `db_pool_wait`: a blocking pool with no connection left; sync and async,"
    " cluster included",
    "`MONITOR`; commands that the client sends by itself (health checks, `UNWATCH` on reset)",
)

PATCHES = patches("redis", "Redis")
