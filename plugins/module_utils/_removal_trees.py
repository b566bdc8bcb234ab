# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a directory is ours, and its removal without what is not. Nothing of Ansible.

Ours is what matches a pattern and, where the tree has an owner, belongs to it. Directories above it go when they are
empty then; mount points, and a link in the place of the directory, were there before us and stay, emptied.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Set, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _removal_wipe as wipe

_ROOT = 0
#: Every file system has it; it is nobody's.
NOBODYS = "lost+found"
#: A partition's directory of Kafka, also one that is being deleted.
_PARTITION = re.compile(r"(?P<topic>[A-Za-z0-9._-]+)-\d+(\.[0-9a-f]{32}-(delete|future|stray))?")


@dataclass(frozen=True)
class Tree:
    """A directory, patterns of what is ours below it, and of what is ours and is not to go now.

    With ``wipe`` the files that go are overwritten first, all of them before the first is gone.
    """

    path: Path
    own: Tuple[str, ...]
    kept: Tuple[str, ...] = ()
    owner: Optional[int] = None
    wipe: bool = False
    roots: Tuple[str, ...] = ()  # as ``own``, but root's


@dataclass(frozen=True)
class Found:
    """What a look at a tree has shown. ``shells`` are directories that are empty then, the deepest first."""

    tree: Tree
    exists: bool = False
    own: Tuple[Path, ...] = ()
    shells: Tuple[Path, ...] = ()
    foreign: Tuple[Path, ...] = ()
    size: int = 0
    topics: Tuple[str, ...] = ()
    shared: int = 0  # files that are not overwritten because they have another name elsewhere

    @property
    def goes(self) -> bool:
        """Return whether there is anything to remove."""
        return bool(self.own or self.shells)

    @property
    def whole(self) -> bool:
        """Return whether nothing stays."""
        return self.tree.path in self.shells

    def names(self) -> List[str]:
        """Return what is ours, as it stands below the tree's directory: its first part, each once."""
        return list(dict.fromkeys(path.relative_to(self.tree.path).parts[0] for path in self.own))


def look(tree: Tree) -> Found:
    """Look at a tree; what cannot be read is an OSError, for nobody may guess what lies there."""
    if not tree.path.is_dir():
        return Found(tree)
    own = [*_matching(tree, tree.own, tree.owner), *_matching(tree, tree.roots, _ROOT)]
    others = set(_matching(tree, tree.kept, tree.owner))
    above = {path for match in own for path in match.parents} | _parents(tree)
    shells: List[Path] = []
    foreign: List[Path] = []
    _walk(tree.path, _Sets(set(own), others, above), shells, foreign)
    outermost = [path for path in own if not any(parent in own for parent in path.parents)]
    # Those of Kafka's own do not count.
    names = {match.group("topic") for match in map(_partition, own) if match}
    topics = sorted(name for name in names if not name.startswith("__"))
    size = sum(map(size_of, outermost))
    shared = len(wipe.contents(outermost).shared) if tree.wipe else 0
    return Found(tree, True, tuple(outermost), tuple(shells), tuple(foreign), size, tuple(topics), shared)


def remove(found: Found) -> None:
    """Remove what a look has found, and nothing else."""
    if found.tree.wipe:
        wipe.overwrite(wipe.contents(found.own))
    for path in found.own:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in found.shells:
        path.rmdir()


def size_of(path: Path) -> int:
    """Bytes on the disk of a file, or of a directory with all in it."""
    total = 0
    for one in [path, *(Path(folder) / name for folder, dirs, files in os.walk(path) for name in (*dirs, *files))]:
        try:
            total += one.lstat().st_blocks * 512
        except OSError:
            continue  # gone meanwhile
    return total


@dataclass(frozen=True)
class _Sets:
    own: Set[Path]
    kept: Set[Path]
    above: Set[Path]


def _matching(tree: Tree, patterns: Sequence[str], owner: Optional[int]) -> List[Path]:
    found = [path for pattern in patterns for path in sorted(tree.path.glob(pattern)) if _belongs(owner, path)]
    return list(dict.fromkeys(found))


def _belongs(owner: Optional[int], path: Path) -> bool:
    return owner is None or path.lstat().st_uid == owner


def _parents(tree: Tree) -> Set[Path]:
    """Directories that exist for the sake of a pattern, whether anything matches or not."""
    found = {tree.path}
    for pattern in tree.own:
        for parent in list(Path(pattern).parents)[:-1]:
            found.update(tree.path.glob(str(parent)))
    return found


def _walk(directory: Path, sets: _Sets, shells: List[Path], foreign: List[Path]) -> bool:
    """Sort what is in a directory; return whether it is empty once ours is gone."""
    empty = True
    for entry in _entries(directory):
        if entry in sets.own:
            continue
        if entry.is_dir() and not entry.is_symlink() and entry in sets.above:
            empty &= _walk(entry, sets, shells, foreign)
        else:
            empty = False
            if entry not in sets.kept and entry.name != NOBODYS:
                foreign.append(entry)
    if not empty or directory.is_symlink() or os.path.ismount(directory):
        return False
    shells.append(directory)
    return True


def _entries(directory: Path) -> Iterator[Path]:
    yield from sorted(directory.iterdir())


def _partition(path: Path) -> Optional[re.Match[str]]:
    return _PARTITION.fullmatch(path.name)
