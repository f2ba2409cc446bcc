"""Plans the burns of a small craft. One line mixes up two quantities."""

import math


class Craft:
    def __init__(self, mass, speed):
        self.mass = mass
        self.speed = speed

    def momentum(self):
        return self.mass * self.speed

    def burn(self, thrust, duration):
        impulse = thrust * duration
        self.speed = self.speed + impulse / self.mass
        return impulse


def circular_speed(gravity, radius):
    return math.sqrt(gravity / radius)


def missing_speed(craft, gravity, radius):
    return circular_speed(gravity, radius) - craft.speed


def plan(craft, thrust, duration, gravity, radius):
    total = 0
    for _ in range(3):
        total = total + craft.burn(thrust, duration)
    share = craft.momentum() / total
    rest = missing_speed(craft, gravity, radius) - total
    return share, rest / craft.speed
