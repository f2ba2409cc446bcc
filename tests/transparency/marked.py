"""With a byte-order mark."""
values = {"é": 1}
print(__doc__, values["é"])
values["🐍"] = [α for α in values]
print(values, "🐍".x if 0 else 1, values["è"])
