from helpers import circular_two

name = "one"
print(circular_two.name)
