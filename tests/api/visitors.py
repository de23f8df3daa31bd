"""A visitor who has batches over HTTP."""

import io
import time
import zipfile
from typing import Any

from tests.pictures import composite, encoded

PHOTOS = {f"{at}.png": encoded(composite(96, 72, seed=at).rgb) for at in range(4)}


def form(photos: dict[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("images", (name, data)) for name, data in photos.items()]


class Visitor:
    """A client of the batches of a server."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def begin(self, photos: dict[str, bytes] | None = None, **options: str) -> str:
        answer = self.client.post("/api/batches", files=form(photos or {}) or None, data=options)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def add(self, id: str, photos: dict[str, bytes]) -> Any:
        return self.client.post(f"/api/batches/{id}/items", files=form(photos))

    def status(self, id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(f"/api/batches/{id}").json()
        return answer

    def items(self, id: str) -> dict[str, dict[str, Any]]:
        listed = self.client.get(f"/api/batches/{id}/items").json()["items"]
        return {item["name"]: item for item in listed}

    def until_done(self, id: str) -> dict[str, Any]:
        end = time.monotonic() + 90
        while (status := self.status(id))["state"] != "done":
            assert time.monotonic() < end, status
            time.sleep(0.1)
        return status

    def archive(self, id: str) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.client.get(f"/api/batches/{id}/archive").content)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
