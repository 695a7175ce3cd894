"""What clients wrote, what was acknowledged, and what is there.

A write is acknowledged when it was answered. One that was sent and not answered may have happened or not, but not by half:
the thing that it concerned is then in one of two states, and shows the same one from its first sight on.
"""

import collections
import threading
import time

from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

# What comes of a call.
ANSWERED, REFUSED, UNSENT, UNANSWERED = "answered", "refused", "unsent", "unanswered"
# Kinds of violations, in the order of the summary.
LOST, DOUBLED, HALF, ORPHAN, STUCK, WRONG = "lost", "doubled", "half", "orphan", "stuck", "wrong"
KINDS = (LOST, DOUBLED, HALF, ORPHAN, STUCK, WRONG)
# Writes to one thing that a violation tells of.
TOLD = 8


class Register:
    """One thing that is written to, by one thread alone, with the states that it may be in; `None` is its absence."""

    def __init__(self, kind, name):
        self.kind, self.name = kind, name
        self.possible = [None]
        # All states that were ever sent, for those who read at the same time.
        self.sent = [None]
        self.history = collections.deque(maxlen=TOLD)

    @property
    def state(self):
        """The state, where it is known."""
        return self.possible[0] if len(self.possible) == 1 else None

    @property
    def known(self):
        return len(self.possible) == 1

    def may_be(self, fits):
        return any(fits(state) for state in self.possible)

    def __str__(self):
        return f"{self.kind} {self.name}"


class Journal:
    """The account of a sweep."""

    def __init__(self, victim):
        self.victim = victim
        self.begun = time.monotonic()
        self.lock = threading.Lock()
        self.counts = collections.defaultdict(collections.Counter)
        self.violations = []

    # Violations

    def violate(self, kind, text):
        with self.lock:
            self.violations.append((kind, f"{self.now()}: {text}"))

    def now(self):
        return f"{time.monotonic() - self.begun:.2f} s, after {self.victim.deaths} kills"

    def found(self, kind):
        return [text for found, text in self.violations if found == kind]

    # Calls

    def call(self, what, do, **arguments):
        """What comes of a call, and its answer or error. No answer is excused by the end of the cloud alone."""
        life = self.victim.life
        try:
            return ANSWERED, do(**arguments)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status < 500:
                return REFUSED, error
            if not self.victim.excuses(life):
                self.violate(WRONG, f"{what}: {error}")
            return UNANSWERED, error
        except EndpointConnectionError as error:
            if not self.victim.excuses(life):
                self.violate(WRONG, f"{what}: a cloud that is up takes no connection: {error}")
            return UNSENT, error
        except FlexibleChecksumError as error:
            self.violate(HALF, f"{what}: {error}")
            return UNANSWERED, error
        except (HTTPClientError, HTTPError, IncompleteReadError, ResponseParserError, ConnectionError) as error:
            if not self.victim.excuses(life):
                self.violate(WRONG, f"{what}: not answered by a cloud that is up: {error}")
            return UNANSWERED, error

    def read(self, what, do, **arguments):
        """The answer of a call that changes nothing, or the error where it was refused; `None` without an answer."""
        outcome, told = self.call(what, do, **arguments)
        return told if outcome in (ANSWERED, REFUSED) else None

    # Writes

    def write(self, register, what, new, do, refusable, known=None, waits=False, **arguments):
        """Sends a write that brings a register to the state `new`. What has to be refused is told by the state before it.

        `known` gives the new state by the answer, where only that tells it. With `waits`, the write may be refused in any
        state, because something is in progress. Gives the answer, or `None`.
        """
        before = register.possible
        register.sent.append(new)
        register.possible = before + [new]
        register.history.append([f"{what} to {new}", self.now(), "sent"])
        outcome, told = self.call(f"{what} {register}", do, **arguments)
        register.history[-1][2] = f"{outcome} at {self.now()}" + (f" ({told})" if outcome == REFUSED else "")
        self.count(register.kind, outcome)
        if outcome == ANSWERED:
            if all(refusable(state) for state in before):
                self.violate(DOUBLED, f"{self.story(register)}: {what} was answered, though it had to be refused")
            state = known(told) if known else new
            register.sent.append(state)
            register.possible = [state]
            return told
        if outcome == REFUSED:
            register.possible = [state for state in before if waits or refusable(state)]
            if not register.possible:
                self.violate(self.kind_of(before, None), f"{self.story(register)}: {what} was refused: {told}")
                register.possible = before
        elif outcome == UNSENT:
            register.possible = before
        return None

    def count(self, kind, outcome):
        with self.lock:
            self.counts[kind][outcome] += 1

    # Reads

    def observe(self, register, actual, where):
        """Compares a register with what is there, which is its state from now on."""
        if actual not in register.possible:
            kind = self.kind_of(register.possible, actual)
            self.violate(kind, f"{self.story(register)}: {where} shows {actual}")
        register.possible = [actual]

    @staticmethod
    def kind_of(possible, actual):
        if actual is None:
            return LOST
        return DOUBLED if all(state is None for state in possible) else HALF

    @staticmethod
    def story(register):
        history = "; ".join(f"{what}, sent at {sent}, {outcome}" for what, sent, outcome in register.history)
        return f"{register}: [{history}]; it may be {register.possible}"
