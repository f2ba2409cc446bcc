"""Heat in a plate, its spectrum and its modes: numpy does the work, Python only steps."""

import numpy as np

rng = np.random.default_rng(2)
n = 900
plate = rng.random((n, n))
plate[:, 0] = plate[:, -1] = 0.0
energies = []
for step in range(900):
    inner = plate[1:-1, 1:-1]
    change = plate[:-2, 1:-1] + plate[2:, 1:-1] + plate[1:-1, :-2] + plate[1:-1, 2:] - 4 * inner
    inner += 0.2 * change
    plate[0], plate[-1] = plate[1], plate[-2]
    if step % 50 == 0:
        energies.append(float((plate**2).sum()))
print([round(e, 3) for e in energies])

spectrum = np.abs(np.fft.rfft2(plate))
power = spectrum.ravel()
power.sort()
modes = np.linalg.svd(plate, compute_uv=False)
a = rng.random((900, 900))
product = a
for _ in range(12):
    product = product @ a
    product /= np.linalg.norm(product)
solution = np.linalg.solve(a + 900 * np.eye(900), rng.random(900))
walks = rng.choice([-1, 1], size=(3000, 6000)).cumsum(axis=1)
crossings = (np.diff(np.sign(walks), axis=1) != 0).sum(axis=1)
order = np.argsort(walks[:, -1])
print(round(float(power[-5:].sum()), 3), round(float(modes[0]), 6), round(float(solution.sum()), 8))
print(round(float(crossings.mean()), 4), int(order[0]), round(float(product.trace()), 8))
