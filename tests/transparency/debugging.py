"""A debugger, driven from standard input, steps through the program's lines."""
import io
import pdb
import sys


def helper(values):
    total = 0
    for value in values:
        total += value * 2
    return total


def program():
    data = [1, 2]
    data.append(3)
    result = helper(data)
    data[0] = result
    return data


commands = io.StringIO("step\nnext\nwhere\nargs\np value, total\nnext\nlist\nup\np data\ndown\nreturn\nnext\nnext\nnext\ncontinue\n")
debugger = pdb.Pdb(stdin=commands, stdout=sys.stdout, nosigint=True, readrc=False)
debugger.use_rawinput = False
print(debugger.runcall(program))
