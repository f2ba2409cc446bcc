"""cProfile lists the program's functions and the built-ins that they call, with their counts."""
import cProfile
import pstats


class Account:
    def __init__(self):
        self.entries = []

    def add(self, amount):
        self.entries.append(amount)
        return self

    @property
    def total(self):
        return sum(self.entries)


def program():
    account = Account()
    for i in range(5):
        account.add(i).add(len(str(i)))
    return sorted([account.total, max(1, 2)])


profile = cProfile.Profile()
print(profile.runcall(program))
for (file, line, name), (calls, total, *_) in sorted(pstats.Stats(profile).stats.items()):
    print(file.rsplit("/", 1)[-1], line, name, calls, total)
