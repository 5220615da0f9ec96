"""Checks that a resumed run is the same run, from several places, with the optimizer's memory, and the letter."""

import torch

from coursekit.course import Wrong


def check(answer) -> None:
    for stop in (1, 12, 30):
        whole = answer.Run(seed=3)
        for _ in range(stop):
            answer.one_step(whole)
        state = answer.save(whole)
        wanted = [answer.one_step(whole) for _ in range(15)]
        resumed = answer.resume(state)
        if resumed.step != stop:
            raise Wrong(f"Resumed at step {resumed.step}, the state was of step {stop}.")
        own = {id(value) for value in resumed.model.parameters()}
        held = {id(value) for group in resumed.optimizer.param_groups for value in group["params"]}
        before = torch.cat([value.detach().reshape(-1).clone() for value in resumed.model.parameters()])
        seen = [answer.one_step(resumed) for _ in range(15)]
        after = torch.cat([value.detach().reshape(-1) for value in resumed.model.parameters()])
        apart = max(abs(a - b) for a, b in zip(seen, wanted, strict=True))
        told = f"Stopped after {stop}: the losses of the next steps are up to {apart:.4f} apart"
        if torch.equal(before, after):
            raise Wrong(
                f"{told}, and the weights do not move: the optimizer still moves the weights of another network."
            )
        if own != held:
            raise Wrong(f"{told}: the optimizer holds {len(held & own)} of the {len(own)} weights of the network.")
        if apart > 1e-5:
            if abs(seen[0] - wanted[0]) > 1e-5:
                raise Wrong(f"{told}, from the first on: the weights are not those of the checkpoint.")
            raise Wrong(f"{told}, but the first is right: the optimizer's memory (Adam's running means) is lost.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the rate is in the optimizer's state, and it is 0.02",
        "C": "the clips depend on the step alone, and the step is restored",
        "D": "load_state_dict copies at once; the first loss after resuming was right",
    }
    if letter != "B":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
