"""Checks window_mask against its own words, one cell after another."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    for queries, keys, window in ((3, 3, 2), (1, 4, 2), (4, 4, 9), (2, 6, 3), (3, 5, 1), (1, 1, 1)):
        seen = np.asarray(answer.window_mask(queries, keys, window))
        told = f"window_mask({queries}, {keys}, {window})"
        if seen.shape != (queries, keys) or seen.dtype != bool:
            raise Wrong(f"{told} gave {seen.dtype} {seen.shape}; bool ({queries}, {keys}) is needed.")
        for query in range(queries):
            place = keys - queries + query
            for key in range(keys):
                wanted = place - window < key <= place
                if bool(seen[query, key]) == wanted:
                    continue
                at = f"{told}: query {query} stands at key {place}. "
                if not seen[query].any():
                    raise Wrong(f"{at}It sees nothing: softmax over nothing is not a number. It may look at itself.")
                if key > place and not wanted and keys == queries:
                    raise Wrong(f"{at}It sees key {key}: the future is not to be seen.")
                if key == place:
                    raise Wrong(f"{at}It does not see itself. A query may look at its own position.")
                if keys != queries:
                    raise Wrong(f"{at}With a cache, the last query stands at the last key, not at its own number.")
                if not wanted and key == place - window:
                    raise Wrong(f"{at}It sees {window + 1} positions: its own is included in the window.")
                raise Wrong(f"{at}Whether it sees key {key} should be {wanted}.")
