"""Commits on their way to a remote: with a few attempts, and put on top of what others have pushed.

Owns how often a push is tried, and what is done when the remote has commits of its own. What the
remote has got is asked of the remote in each run, and never remembered here: it may have been lost,
or be another one by now. A push that fails loses nothing: the commits stay, and the next run pushes
them. Refuses to ask for a credential: git has it from its own configuration, or does not get in;
and refuses a URL with a login in it, which all users of the host would see among the processes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from collector.backups.git import Answer, Git
from collector.backups.repository import REBASING, Repository
from collector.errors import StorageError
from collector.settings import Push, has_login

ATTEMPTS: Final = 3
PAUSE: Final = 0.5  # seconds before the second attempt, doubled after it

_BEHIND: Final = ("fetch first", "non-fast-forward", "cannot lock ref")
# The user's own wishes for a rebase, which would leave a conflict in another place than it is
# looked for, or move branches that are not ours.
_PLAIN: Final = (
    *("-c", "rebase.backend=merge"),
    *("-c", "rebase.updateRefs=false"),
    *("-c", "rebase.autoSquash=false"),
)

logger = logging.getLogger(__name__)


async def push(repository: Repository, wish: Push, branch: str) -> None:
    """Push the branch that is checked out; where the remote has all of it, nothing is sent.

    Raises `StorageError` when it could not be; nothing is lost then.
    """
    if not await repository.head():
        return
    await _refuse_a_login(repository.git, wish.remote)
    for attempt in range(1, ATTEMPTS + 1):
        answer = await _pushed(repository, wish, branch)
        if not answer.status:
            return
        if any(word in answer.said for word in _BEHIND):
            if await _has_all(repository, wish, branch):
                return
            await _rebase(repository, wish)
        elif attempt < ATTEMPTS:
            await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
    raise StorageError(
        f"{repository.folder}: not pushed to {wish.remote}: {answer.line} "
        "(nothing is lost: the next run pushes it)"
    )


async def _refuse_a_login(git: Git, remote: str) -> None:
    """Refuse a remote whose URL, as git would use it to push or to fetch, holds a login."""
    for words in (
        ("remote", "get-url", "--all", "--push", "--", remote),  # fails where it is a URL itself
        ("config", "--get-all", f"remote.{remote}.pushurl"),
        ("ls-remote", "--get-url", "--", remote),
    ):
        found = await git.ask(*words)
        if any(has_login(url) for url in found.out.decode("utf-8", "replace").splitlines()):
            raise StorageError(
                f"{git.folder}: not pushed to {remote}: the URL of that remote holds a login, "
                "which others on this host would see; git's credential helper is the place for it"
            )


async def _pushed(repository: Repository, wish: Push, branch: str) -> Answer:
    target = f"HEAD:refs/heads/{wish.branch or branch}"
    return await repository.git.ask("push", "--quiet", "--", wish.remote, target)


async def _has_all(repository: Repository, wish: Push, branch: str) -> bool:
    """Fetch the remote's branch, and say whether our commits are in it, below those of others."""
    git = repository.git
    await git.do("fetch", "--quiet", "--", wish.remote, f"refs/heads/{wish.branch or branch}")
    return not (await git.ask("merge-base", "--is-ancestor", "HEAD", "FETCH_HEAD")).status


async def _rebase(repository: Repository, wish: Push) -> None:
    """Put our commits on top of what was fetched; where that cannot be, leave all as it was."""
    git = repository.git
    mark = repository.git_folder / REBASING
    mark.touch()
    try:
        answer = await git.ask(*_PLAIN, "rebase", "--quiet", "--autostash", "FETCH_HEAD")
        if not answer.status:
            await _settle(git)
            return
        if repository.rebases():
            await git.do("rebase", "--abort")
        raise StorageError(
            f"{repository.folder}: not pushed to {wish.remote}: its commits and ours do not go "
            f"together: {answer.line} (nothing is lost: git rebase them by hand, then run again)"
        )
    finally:
        if not repository.rebases():
            mark.unlink(missing_ok=True)


async def _settle(git: Git) -> None:
    """Take the commit's text where an edit that was not committed does not go with it.

    Git has left marks of a conflict in such a file, and would refuse all commits from now on. The
    edits are in its stash then.
    """
    unmerged = await git.do("diff", "--name-only", "--diff-filter=U", "--no-ext-diff", "-z")
    if not unmerged:
        return
    words = ("--source=HEAD", "--staged", "--worktree", "--pathspec-from-file=-")
    listed = b"".join(b":(literal)%s\0" % name for name in unmerged.split(b"\0") if name)
    await git.do("restore", "--quiet", *words, "--pathspec-file-nul", stdin=listed)
    logger.warning(
        "%s: edits that were not committed do not go with the commits of the remote: they are "
        "in git stash",
        git.folder,
    )
