"""Routes for those who run the server: ``/readyz`` for load balancers, ``/metrics`` for Prometheus."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from .activity import Activity
from .metrics import Metrics
from .work import Workers


def build_probes_router(activity: Activity, workers: Workers, metrics: Metrics | None) -> APIRouter:
    """The routes; that of the figures only where there are `metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def tell_readiness() -> dict[str, str]:
        """Whether requests should come here: not before the model is loaded, while the queue is full, or at the end."""
        activity.require_ready()
        workers.require_room()
        return {"status": "ready"}

    if metrics:

        @router.get("/metrics")
        def send_metrics() -> Response:
            return Response(metrics.write(), media_type=CONTENT_TYPE_LATEST)

    return router
