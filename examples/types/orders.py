"""Adds up the orders of a shop. One number is a text, and nobody notices."""


class Order:
    def __init__(self, name: str, cents: int, quantity: int):
        self.name = name
        self.cents = cents
        self.quantity = quantity

    def total(self) -> int:
        return self.cents * self.quantity

    def label(self) -> str:
        return self.name.strip().title()


def read(line: str) -> Order:
    name, cents, quantity = line.split(",")
    return Order(name, int(cents), quantity)


def invoice(line: str) -> str:
    order = read(line)
    return order.label() + ": " + str(order.total())
