"""A small git work tree for a client."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

GIT_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{role}_NAME": "A Tester" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "tester@example.com" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_DATE": "2026-01-02T03:04:05Z" for role in ("AUTHOR", "COMMITTER")},
}


def make_work_tree(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Create a repository with these files in its first commit, which has the same hash every time."""
    path.mkdir(parents=True)
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    for arguments in (("init", "-q", "-b", "main"), ("add", "--all"), ("commit", "-q", "-m", "Begin")):
        subprocess.run(("git", *arguments), cwd=path, env=GIT_ENVIRONMENT, check=True, timeout=60)
    return path


def files_in(path: Path) -> dict[str, bytes]:
    """Return every file of the tree, except those in `.git`."""
    found = (file for file in path.rglob("*") if file.is_file() and ".git" not in file.relative_to(path).parts)
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(found)}
