"""CloudWatch Logs: events are there once and in order; groups come and go as a whole."""

import time

from ..journal import ANSWERED, DOUBLED, HALF, LOST, REFUSED, UNANSWERED
from .base import Actor, absent, present

MISSING = ("ResourceNotFoundException",)


class Events(Actor):
    """Batches of events in a few streams, each batch whole or not there."""

    pause = 0.02
    group = "/chaos/events"

    def __init__(self, sweep, name):
        super().__init__(sweep, name)
        # Of each stream, the batches that were sent: when, whether they were acknowledged, their messages.
        self.streams = {f"stream-{i}": [] for i in range(3)}
        self.clock = 0

    def prepare(self):
        logs = self.client("logs")
        logs.create_log_group(logGroupName=self.group)
        for stream in self.streams:
            logs.create_log_stream(logGroupName=self.group, logStreamName=stream)

    def act(self):
        stream = self.rng.choice(sorted(self.streams))
        self.made += 1
        self.clock = max(self.clock, int(time.time() * 1000))
        # Now and then a batch of many pages of memory, which a kill may cut in two.
        many, length = (200, 4000) if self.rng.random() < 0.1 else (self.rng.randrange(1, 20), self.rng.randrange(1, 300))
        messages = [f"{self.made}.{i} é{'x' * length}" for i in range(many)]
        batch = [self.journal.now(), False, messages]
        self.streams[stream].append(batch)
        outcome, told = self.journal.call(
            "put events", self.client("logs").put_log_events, logGroupName=self.group, logStreamName=stream,
            logEvents=[{"timestamp": self.clock, "message": message} for message in messages],
        )  # fmt: skip
        self.journal.count("log batch", outcome)
        if outcome == REFUSED:
            raise told
        batch[1] = outcome == ANSWERED
        if outcome not in (ANSWERED, UNANSWERED):
            self.streams[stream].remove(batch)

    def check(self):
        for stream in self.streams:
            self.streams[stream] = self.check_stream(stream, self.streams[stream], self.read(stream))

    def check_stream(self, stream, batches, found):
        """Compares a stream with its batches; gives those that are there, and stay from their first sight on."""
        place, kept = 0, []
        for sent, acknowledged, messages in batches:
            there = found[place : place + len(messages)]
            same = sum(1 for a, b in zip(there, messages) if a == b)
            place += same
            if same == len(messages):
                kept.append([sent, True, messages])
                continue
            batch = f"log stream {stream}: of a batch of {len(messages)} events sent at {sent}"
            if acknowledged:
                self.journal.violate(LOST, f"{batch} and acknowledged, {same} are there")
            elif same:
                self.journal.violate(HALF, f"{batch} and not acknowledged, {same} are there")
            if same:
                kept.append([sent, True, messages[:same]])
        if place < len(found):
            shown = [message[:20] for message in found[place : place + 3]]
            self.journal.violate(DOUBLED, f"log stream {stream}: {len(found) - place} events too many: {shown}")
        return kept

    def read(self, stream):
        found, token = [], None
        while True:
            more = {"nextToken": token} if token else {}
            page = self.client("logs").get_log_events(
                logGroupName=self.group, logStreamName=stream, startFromHead=True, **more
            )
            found += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token:
                return found
            token = page["nextForwardToken"]


class Groups(Actor):
    """State: retention, tags and streams of a group."""

    pause = 0.03
    most = 6

    def act(self):
        logs = self.client("logs")
        live = [register for register in self.registers.values() if register.possible != [None]]
        gone = [register for register in self.registers.values() if register.possible == [None]]
        if not live or len(live) < self.most and self.rng.random() < 0.3:
            # A name that was used before must have nothing of its former life.
            register = self.rng.choice(gone) if gone and self.rng.random() < 0.7 else self.new("LogGroup")
            tags = {"n": str(self.rng.randrange(1000))}
            state = (None, tuple(tags.items()), ())
            self.journal.write(register, "create", state, logs.create_log_group, present, logGroupName=register.name, tags=tags)
            return
        register = self.rng.choice(live)
        if not register.known:
            self.journal.observe(register, self.read(register), "a look after a write that was not answered")
            return
        retention, tags, streams = register.state
        way = self.rng.choice(["retention", "stream", "stream", "stream", "remove", "delete"])
        if way == "retention":
            days = self.rng.choice([1, 3, 5, 7])
            self.change(register, way, (days, tags, streams), logs.put_retention_policy, retentionInDays=days)
        elif way == "stream" and len(streams) < 6:
            self.made += 1
            name = f"s{self.made:06}"
            self.change(register, way, (retention, tags, (*streams, name)), logs.create_log_stream, logStreamName=name)
        elif way == "remove" and streams:
            self.change(register, way, (retention, tags, streams[1:]), logs.delete_log_stream, logStreamName=streams[0])
        elif way == "delete":
            self.change(register, way, None, logs.delete_log_group)

    def change(self, register, what, new, do, **arguments):
        self.journal.write(register, what, new, do, absent, logGroupName=register.name, **arguments)

    def read(self, register):
        logs = self.client("logs")
        groups = self.see(logs.describe_log_groups, logGroupNamePrefix=register.name)["logGroups"]
        group = next((group for group in groups if group["logGroupName"] == register.name), None)
        if group is None:
            return None
        arn = group["logGroupArn"]
        tags = self.see(logs.list_tags_for_resource, resourceArn=arn)["tags"]
        streams = self.see(logs.describe_log_streams, logGroupName=register.name)["logStreams"]
        names = tuple(sorted(stream["logStreamName"] for stream in streams))
        return group.get("retentionInDays"), tuple(sorted(tags.items())), names

    def names(self):
        groups = self.pages("logs", "describe_log_groups", "logGroups")
        return [group["logGroupName"] for group in groups if group["logGroupName"].startswith(f"{self.name}-")]
