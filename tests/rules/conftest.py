from tests.promtool import promtool

__all__ = ["promtool"]
