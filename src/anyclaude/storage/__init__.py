"""
Files under the user's own folders: private, bounded, and shared by processes that run side by side.

A file is readable by its owner alone (0600), and so is a folder that is created for it (0700).  What is no regular
file, such as a link to one, is neither read nor written (`read_private`, `open_private_append`).  `LineFile` grows by
lines within a bound, `write_private` replaces a file in one step, `remove_unfinished` removes what it could not finish,
and `files_newest_first` lists files by age.  `check_writable` finds out whether files can be written at all, and
`is_running` whether their writer is still there.  `exclusive_lock` admits one process at a time; import it from
`process_lock`, because it loads asyncio.  What the files hold is defined by the rooms above.
"""

from .line_file import LineFile
from .newest_first import files_newest_first, remove_all_but_newest
from .private_files import (
    PRIVATE_FILE,
    check_writable,
    make_own_folder,
    make_private_folder,
    open_private_append,
    read_private,
    remove_unfinished,
    temporary_folder,
    write_private,
)
from .processes import is_running

__all__ = [
    "PRIVATE_FILE",
    "LineFile",
    "check_writable",
    "files_newest_first",
    "is_running",
    "make_own_folder",
    "make_private_folder",
    "open_private_append",
    "read_private",
    "remove_all_but_newest",
    "remove_unfinished",
    "temporary_folder",
    "write_private",
]
