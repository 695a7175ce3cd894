"""What all actors share."""

import random

from botocore.exceptions import ClientError

from ..journal import DOUBLED, LOST, Register


class Unseen(Exception):
    """The cloud ended before it answered."""


class Actor:
    """Writes one kind of thing, from one thread. Does one call or few in a step, and waits for nothing."""

    # Seconds between steps.
    pause = 0.01
    # Things that are kept at a time.
    most = 20

    def __init__(self, sweep, name):
        self.sweep, self.name = sweep, name
        self.journal, self.victim = sweep.journal, sweep.victim
        self.rng = random.Random(f"{sweep.seed}/{name}")
        self.registers = {}
        self.made = 0

    def client(self, service):
        return self.sweep.client(service)

    def new(self, kind):
        """A thing that nobody has named before."""
        self.made += 1
        register = Register(kind, f"{self.name}-{self.made}")
        self.registers[register.name] = register
        return register

    def see(self, do, missing=(), **arguments):
        """A call that changes nothing: `None` where what it asks for is missing."""
        told = self.journal.read(f"{self.name} reads", do, **arguments)
        if told is None:
            raise Unseen
        if isinstance(told, ClientError):
            if any(text in str(told) for text in missing):
                return None
            raise told
        return told

    def step(self):
        try:
            self.act()
        except Unseen:
            pass

    def act(self):
        raise NotImplementedError

    def settled(self):
        """Whether nothing that this actor began is in progress."""
        return True

    def check(self):
        """Compares all that was written with what is there, while nobody writes."""
        for register in list(self.registers.values()):
            self.journal.observe(register, self.read(register), "a look")
        self.compare_names(str(self), self.names(), self.registers)
        # What is gone stays in no list; its name is never used again.
        self.registers = {name: r for name, r in self.registers.items() if r.state is not None}

    def compare_names(self, what, listed, registers):
        """A list shows what is there, once, and nothing else."""
        present = {name for name, register in registers.items() if register.state is not None}
        for name in sorted(set(listed) - present):
            self.journal.violate(DOUBLED, f"{what}: the list shows {name}, which was deleted or never acknowledged")
        for name in sorted(present - set(listed)):
            self.journal.violate(LOST, f"{what}: the list does not show {name}")
        for name in sorted(name for name in set(listed) if listed.count(name) > 1):
            self.journal.violate(DOUBLED, f"{what}: the list shows {name} {listed.count(name)} times")

    def pages(self, client, operation, member, **arguments):
        pages = self.client(client).get_paginator(operation).paginate(**arguments)
        return [item for page in pages for item in page.get(member, [])]

    def __str__(self):
        return self.name


def absent(state):
    return state is None


def present(state):
    return state is not None
