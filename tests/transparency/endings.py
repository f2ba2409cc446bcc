"""Carriage returns, tabs, form feeds, no newline at the end."""
if True:
	x = [1]
	x[0] += 1

y = """a
b"""
print(x, repr(y), \
  len(y))
def f():
	return x.y
f()