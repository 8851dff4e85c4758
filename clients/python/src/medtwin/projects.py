"""Projects: the resource that API keys and sessions protect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from medtwin import request
from medtwin.endpoint import Resource, Transport, endpoint, list_endpoint
from medtwin.request import ApiRequest, Page

Environment: TypeAlias = Literal["live", "test"]
"""The data that a session accesses, `live` by default. For a key, its type decides."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project."""

    id: str
    name: str
    created_at: datetime


class Projects(Resource[Transport]):
    """The projects of the account. A key with a scope can access only the projects of its scope."""

    @endpoint
    def create(self, name: str, *, environment: Environment | None = None) -> ApiRequest[Project]:
        """Create a project."""
        return request.idempotent(request.post("/v1/projects", Project, {"name": name}, {"environment": environment}))

    @list_endpoint
    def list(
        self, *, environment: Environment | None = None, page_size: int | None = None
    ) -> ApiRequest[Page[Project]]:
        """List projects, newest first."""
        return request.get_page("/v1/projects", Project, page_size, {"environment": environment})

    @endpoint
    def get(self, project_id: str, *, environment: Environment | None = None) -> ApiRequest[Project]:
        """Get one project."""
        return request.get(_path(project_id), Project, {"environment": environment})

    @endpoint
    def rename(self, project_id: str, name: str, *, environment: Environment | None = None) -> ApiRequest[Project]:
        """Rename a project."""
        return request.patch(_path(project_id), Project, {"name": name}, {"environment": environment})

    @endpoint
    def delete(self, project_id: str, *, environment: Environment | None = None) -> ApiRequest[None]:
        """Delete a project."""
        return request.delete(_path(project_id), {"environment": environment})


def _path(project_id: str) -> str:
    return f"/v1/projects/{request.path_segment(project_id)}"
