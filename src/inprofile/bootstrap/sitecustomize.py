"""What Python imports at its start below ``inprofile run``, which has this on its PYTHONPATH.

Another ``sitecustomize`` that would have been imported without it is imported after it.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def _arm() -> None:
    try:
        from inprofile.launch import arm
    except ImportError:  # another Python than the one that has inprofile
        return
    arm()


def _hand_on() -> None:
    """Import the next ``sitecustomize`` in our place, if there is one."""
    ours = sys.modules.pop(__name__)
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != HERE]
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as missing:
        if missing.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, ours)


_arm()
_hand_on()
