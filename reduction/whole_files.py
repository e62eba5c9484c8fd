"""Files that are written whole or not at all, whenever their process dies."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

_TEMPORARY = ".partial-"
_ATTEMPTS = 10


def write_whole(path: Path, text: str, *, exclusive: bool = False, sync: bool = True) -> None:
    """Write a file beside its place and rename it.

    Parameters
    ----------
    exclusive : bool
        Leave a file that exists by then as it is.
    sync : bool
        Wait until the disk has the contents.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    for _ in range(_ATTEMPTS):
        temporary = path.with_name(f"{_TEMPORARY}{path.name}-{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file:
                _claim(file)
                file.write(text.encode())
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            _place(temporary, path, exclusive)
            return
        except FileNotFoundError:  # another process took it for a leftover
            continue
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    raise FileNotFoundError(2, "its folder disappears", str(path))


def is_leftover(path: Path) -> bool:
    """Whether a file was being written by a process that has died since."""
    return is_temporary(path) and not _in_use(path)


def is_temporary(path: Path) -> bool:
    """Whether a file is one that `write_whole` renames when it is finished."""
    return path.name.startswith(_TEMPORARY)


def _place(temporary: Path, path: Path, exclusive: bool) -> None:
    if not exclusive:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        temporary.replace(path)
    temporary.unlink(missing_ok=True)


def _claim(file: BinaryIO) -> None:
    """Mark a file as in use, where the file system can: the mark dies with the process."""
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _in_use(path: Path) -> bool:
    if sys.platform != "win32":
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False
