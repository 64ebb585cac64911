"""`first-letter-groups`: a group for each first letter of the tasks' names."""

from multigraft import Part, Sharing, Site
from multigraft_sample.options import FirstLetterGroupsOptions


class FirstLetterGroups(Sharing):
    """`group:v` owns the tensors of `vqa` and `video`."""

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        return f"group:{task[0]}"


def build(options: FirstLetterGroupsOptions, tasks: tuple[str, ...]) -> FirstLetterGroups:
    return FirstLetterGroups()
