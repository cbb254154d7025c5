"""Commits on their way to a remote: with a few attempts, and put on top of what others have pushed.

Owns when there is something to push, how often it is tried, and what is done when the remote has
commits of its own. A push that fails loses nothing: the commits stay, and the next run pushes them.
Refuses to ask for a credential: git has it from its own configuration, or does not get in.
"""

from __future__ import annotations

import asyncio
from typing import Final

from collector.backups.git import Answer
from collector.backups.repository import REBASING, Repository
from collector.errors import StorageError
from collector.settings import Push

ATTEMPTS: Final = 3
PAUSE: Final = 0.5  # seconds before the second attempt, doubled after it
PUSHED: Final = "refs/collector/pushed"
"""The last commit that the remote took from us, by which it is known that there is no other."""

_BEHIND: Final = ("fetch first", "non-fast-forward", "cannot lock ref")


async def push(repository: Repository, wish: Push, branch: str) -> None:
    """Push the branch that is checked out, where the remote has not got all of it.

    Raises `StorageError` when it could not be; nothing is lost then.
    """
    target = f"{wish.remote} {wish.branch or branch}"
    place = f"{PUSHED}/{target.encode().hex()[:200]}"  # another remote has been pushed nothing
    git = repository.git
    known = await git.ask("rev-parse", "--quiet", "--verify", place)
    head = await repository.head()
    if not head or known.out.decode().strip() == head:
        return
    for attempt in range(1, ATTEMPTS + 1):
        answer = await _pushed(repository, wish, branch)
        if not answer.status:
            await git.do("update-ref", place, await repository.head())
            return
        if any(word in answer.said for word in _BEHIND):
            await _rebase(repository, wish, branch)
        elif attempt < ATTEMPTS:
            await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
    raise StorageError(
        f"{repository.folder}: not pushed to {wish.remote}: {answer.line} "
        "(nothing is lost: the next run pushes it)"
    )


async def _pushed(repository: Repository, wish: Push, branch: str) -> Answer:
    target = f"HEAD:refs/heads/{wish.branch or branch}"
    return await repository.git.ask("push", "--quiet", "--", wish.remote, target)


async def _rebase(repository: Repository, wish: Push, branch: str) -> None:
    """Put our commits on top of the remote's; where that cannot be, leave all as it was."""
    git = repository.git
    await git.do("fetch", "--quiet", "--", wish.remote, f"refs/heads/{wish.branch or branch}")
    mark = repository.git_folder / REBASING
    mark.touch()
    try:
        answer = await git.ask("rebase", "--quiet", "--autostash", "FETCH_HEAD")
        if not answer.status:
            return
        if (repository.git_folder / "rebase-merge").exists():
            await git.do("rebase", "--abort")
        raise StorageError(
            f"{repository.folder}: not pushed to {wish.remote}: its commits and ours do not go "
            f"together: {answer.line} (nothing is lost: git rebase them by hand, then run again)"
        )
    finally:
        if not (repository.git_folder / "rebase-merge").exists():
            mark.unlink(missing_ok=True)
