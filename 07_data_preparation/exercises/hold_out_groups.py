"""Hold out whole groups

Write `hold_out_groups(groups, share, seed)`. `groups[i]` names the group of clip i (its speaker, its recording).
Return the sorted numbers of the clips to hold out:

- a group is held out whole or not at all;
- in an order that depends only on the seed and the names, take group after group as long as the held-out clips stay
  at or below `share` of all clips; a group that would exceed it is skipped, and the next one is tried;
- the order in which the clips stand must not matter for which groups are chosen, and the same call gives the same
  answer on every machine and in every process. Try the groups in the order of the hexadecimal SHA-256 of "SEED:NAME",
  smallest first.

    hold_out_groups(["anna", "ben", "anna", "cleo"], 0.25, seed=0)   returns one clip: that of ben or that of cleo

After: 08_split_without_leakage.py
Concepts: grouped splits
Kind: exercise
Time: 20 min
"""


def hold_out_groups(groups: list[str], share: float, seed: int) -> list[int]:
    """Return the numbers of the held-out clips, sorted."""
    # TODO: which clips has each group? In which order are groups tried? When is one skipped?
    raise NotImplementedError("hold_out_groups")
