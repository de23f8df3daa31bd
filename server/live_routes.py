"""The routes under ``/api/live``, for the page: a live picture is begun, its frames become mattes, it ends."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from .live import Live


def build_live_router(live: Live) -> APIRouter:
    """The routes, over the live pictures of this server."""
    router = APIRouter(prefix="/api/live", include_in_schema=False)

    @router.post("", status_code=201)
    def begin() -> dict[str, str]:
        """Begin with a live picture."""
        id, model = live.begin()
        return {"id": id, "model": model}

    @router.post("/{id}/frames")
    async def find_matte(id: str, request: Request) -> Response:
        """A frame as the body, JPEG say; the answer is its matte alone, since the browser has kept the frame."""
        matte = await live.find_matte(id, await request.body())
        headers = {"Cache-Control": "no-store", "X-Live-Model": matte.model}
        return Response(matte.data, media_type="image/png", headers=headers)

    @router.delete("/{id}", status_code=204)
    async def end(id: str) -> None:
        await run_in_threadpool(live.end, id)

    return router
