"""`groups`: tasks share within their group."""

from collections.abc import Mapping

from multigraft import OptionError, Part, Sharing, Site
from multigraft.plugins.sharing.options import GroupsOptions


class Groups(Sharing):
    """One tensor a group."""

    def __init__(self, group_of: Mapping[str, str]) -> None:
        self.group_of = group_of

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        """`group:NAME` of the task's group."""
        return f"group:{self.group_of[task]}"


def build(options: GroupsOptions, tasks: tuple[str, ...]) -> Groups:
    """The rule of a recipe.

    Raises:
        MultigraftError: a task is in no group or in two, or a group names a task that is not there.
    """
    listed = [task for members in options.groups.values() for task in members]
    problems = [f"task '{task}' is in no group" for task in tasks if task not in listed]
    problems += [f"no task is named '{task}'" for task in dict.fromkeys(listed) if task not in tasks]
    problems += [f"task '{task}' is in several groups" for task in dict.fromkeys(listed) if listed.count(task) > 1]
    problems += [f"group '{group}' has no task" for group, members in options.groups.items() if not members]
    if problems:
        raise OptionError(("groups",), f"sharing groups: {'; '.join(problems)}. Tasks: {', '.join(tasks)}")
    return Groups({task: group for group, members in options.groups.items() for task in members})
