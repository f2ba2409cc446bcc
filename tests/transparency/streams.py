"""Standard streams: input, buffering, replacement, writing at the end."""
import io
import os
import sys

print(input("a prompt: "), end="|")
print(sys.stdin.readline().strip(), [line.strip() for line in sys.stdin])
try:
    input()
except EOFError as error:
    print(repr(error))
sys.stdout.write("no newline")
os.write(1, b"written past the buffer\n")
print("to stderr", file=sys.stderr)
captured = io.StringIO()
sys.stdout, saved = captured, sys.stdout
print("captured")
sys.stdout = saved
print(repr(captured.getvalue()), sys.stdout.line_buffering, sys.stdout.encoding, sys.stderr.errors)


class Tee:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        self.stream.write(text.upper())

    def flush(self):
        self.stream.write("<flush>")
        self.stream.flush()


sys.stdout = Tee(saved)
print("tee")
sys.stderr = Tee(sys.stderr)
raise ValueError("through the tee")
