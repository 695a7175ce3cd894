"""The threads that write, and when they may."""

import contextlib
import threading
import time
import traceback

from .journal import WRONG

# A cloud that is down is asked again after this time; its first moment up is the one to catch.
KNOCK = 0.01


class Gate:
    """Opens and closes the way for all actors; whoever is inside ends the turn."""

    def __init__(self):
        self.condition = threading.Condition()
        self.is_open = False
        self.closed_for_ever = False
        self.inside = 0

    @contextlib.contextmanager
    def turn(self):
        with self.condition:
            self.condition.wait_for(lambda: self.is_open or self.closed_for_ever)
            self.inside += 1
        try:
            yield not self.closed_for_ever
        finally:
            with self.condition:
                self.inside -= 1
                self.condition.notify_all()

    def open(self):
        with self.condition:
            self.is_open = True
            self.condition.notify_all()

    def close(self, for_ever=False):
        """Lets nobody in any more, and waits until all are out."""
        with self.condition:
            self.is_open = False
            self.closed_for_ever |= for_ever
            self.condition.notify_all()
            self.condition.wait_for(lambda: not self.inside)


class Traffic:
    """Actors at work, each in a thread."""

    def __init__(self, actors, journal, victim):
        self.actors, self.journal, self.victim = actors, journal, victim
        self.gate = Gate()
        self.threads = [threading.Thread(target=self.work, args=(actor,), daemon=True) for actor in actors]
        for thread in self.threads:
            thread.start()

    def work(self, actor):
        while True:
            with self.gate.turn() as may:
                if not may:
                    return
                try:
                    actor.step()
                except Exception:
                    # A sweep whose actors are broken has shown nothing.
                    self.journal.violate(WRONG, f"{type(actor).__name__} broke:\n{traceback.format_exc()}")
                    return
            time.sleep(KNOCK if self.victim.ending else actor.pause)

    def flow(self):
        self.gate.open()

    def rest(self):
        self.gate.close()

    def end(self):
        self.gate.close(for_ever=True)
        for thread in self.threads:
            thread.join()
