"""Who writes what."""

from .endpoints import Endpoints
from .identities import Roles, Sessions
from .jobs import Jobs, ProcessingJobs
from .logs import Events, Groups
from .notebooks import Notebooks
from .objects import Objects
from .packages import Packages
from .readers import Readers
from .records import Records


def everyone(sweep):
    """All actors of a sweep. Readers come last: they look at what the others write."""
    actors = [
        Records(sweep, "records-a"),
        Records(sweep, "records-b"),
        Packages(sweep, "packages"),
        Notebooks(sweep, "notebooks"),
        Roles(sweep, "roles"),
        Sessions(sweep, "sessions"),
        Events(sweep, "events"),
        Groups(sweep, "groups"),
        Objects(sweep, "objects-a"),
        Objects(sweep, "objects-b"),
        Jobs(sweep, "jobs"),
        ProcessingJobs(sweep, "processing"),
        Endpoints(sweep, "endpoint-a"),
        Endpoints(sweep, "endpoint-b"),
    ]
    return [*actors, Readers(sweep, "readers", actors)]
