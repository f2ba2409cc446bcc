#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""A future import after the docstring."""
from __future__ import annotations

from __future__ import division

import dataclasses


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None

    def method(self, other: Undefined) -> AlsoUndefined:
        return self


print(Node(1, Node(2)), Node.__annotations__, Node.method.__annotations__, Node.method(3, 4))
x: Undefined.attribute = 1
print(__annotations__, compile("x", "", "eval").co_flags, annotations)
exec("y: Nope = 1")
print(exec("print(eval('1/2'))"))
