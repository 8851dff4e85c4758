"""Projects: what keys and sessions protect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin import call
from medtwin.call import Call, Page
from medtwin.endpoint import Resource, Wire, endpoint, listing

Environment: TypeAlias = Literal["live", "test"]
"""Which data a session sees: `live` by default. A key sees those of its own type."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project."""

    id: str
    name: str
    created_at: datetime


class Projects(Resource[Wire]):
    """The account's projects; for a scoped key, those of its scope."""

    @endpoint
    def create(self, name: str, *, environment: Environment | None = None) -> Call[Project]:
        """Make a project."""
        return call.once(call.post("/v1/projects", Project, {"name": name}, {"environment": environment}))

    @listing
    def list(self, *, environment: Environment | None = None, page_size: int | None = None) -> Call[Page[Project]]:
        """List projects, newest first."""
        return call.get_page("/v1/projects", Project, page_size, {"environment": environment})

    @endpoint
    def get(self, project_id: str, *, environment: Environment | None = None) -> Call[Project]:
        """Read one project."""
        return call.get(_path(project_id), Project, {"environment": environment})

    @endpoint
    def rename(self, project_id: str, name: str, *, environment: Environment | None = None) -> Call[Project]:
        """Give a project another name."""
        return call.patch(_path(project_id), Project, {"name": name}, {"environment": environment})

    @endpoint
    def delete(self, project_id: str, *, environment: Environment | None = None) -> Call[None]:
        """Delete a project."""
        return call.delete(_path(project_id), {"environment": environment})


def _path(project_id: str) -> str:
    return f"/v1/projects/{call.segment(project_id)}"
