"""`first-letter-groups`: a group for each first letter of the tasks' names."""

from multigraft import Owner, Part, Sharing, Site
from multigraft_sample.options import FirstLetterGroupsOptions


class FirstLetterGroups(Sharing):
    """`group:v` owns the tensors of `vqa` and `video`."""

    def owner(self, task: str, site: Site, part: Part) -> Owner:
        """The group of the task's first letter, at the site."""
        return Owner(f"group:{task[0]}", site.name)


def build(options: FirstLetterGroupsOptions, tasks: tuple[str, ...]) -> FirstLetterGroups:
    """The rule of a recipe."""
    return FirstLetterGroups()
