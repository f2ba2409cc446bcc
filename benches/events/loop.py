"""A loop of ten operations a turn (calls, attributes, items, arithmetic, comparisons);
`CLEW_BENCH_TURNS` turns.
"""

import os


class Counter:
    def __init__(self):
        self.n = 0
        self.cells = [0] * 16


def step(counter, i):
    counter.n += 1
    if i % 3 == 0:
        counter.cells[i % 16] += i
    return counter.n


turns = int(os.environ.get("CLEW_BENCH_TURNS", "1000"))
counter = Counter()
total = 0
unused = 0
for i in range(turns):
    total += step(counter, i)
    unused += 1
print(total)
