"""An exception that nobody catches, with a chain, from a nested call; exit code 1."""


class Reader:
    def __init__(self, data):
        self.data = data

    def read(self, key):
        try:
            return self.data[key]
        except KeyError as error:
            error.add_note("the key was not there")
            raise LookupError(f"no {key!r}") from error


def main(names):
    reader = Reader({"a": 1})
    return {name: reader.read(name) for name in names}


print("before")
print(main(["a"]))
print(main(["a", "b"]))
print("never")
