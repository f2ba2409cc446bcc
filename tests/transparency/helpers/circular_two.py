from helpers import circular

name = "two"
print(hasattr(circular, "name"))
