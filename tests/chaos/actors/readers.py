"""A reader beside the writers: sees an object's old content or its new one, and never a mixture."""

from .base import Actor
from .objects import Objects, content, torn


class Readers(Actor):
    """Reads what others write."""

    def __init__(self, sweep, name, actors):
        super().__init__(sweep, name)
        self.writers = [actor for actor in actors if isinstance(actor, Objects)]

    def act(self):
        writer = self.rng.choice(self.writers)
        registers = list(writer.registers.values())
        if not registers:
            return
        register = self.rng.choice(registers)
        mark = len(register.sent)
        before = register.possible
        digest = writer.fetch(register)
        candidates = {content(state) for state in [*before, *register.sent[mark:]]}
        if digest not in candidates:
            torn(self.journal, register, digest, candidates)

    def check(self):
        pass
