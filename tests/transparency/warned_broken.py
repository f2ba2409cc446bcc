x = 5
x is 5
print("\d" "\\d")
nonlocal y
